-- A Postgres server that is not ours: run once by its administrator, who need not be a superuser.
--
--   psql "postgresql://ADMIN@HOST/postgres" -v password=… -f deploy/bring-your-own/postgres.sql
--
-- It makes the database `demae`, its owner `demae_admin`, who may make roles and is nothing else, and the role `cdc`,
-- which reads the log of changes. Everything after that is bootstrap's, with
-- ADMIN_DATABASE_URL=postgresql://demae_admin:…@HOST/demae. A second time it sets the password and changes nothing else.
--
--   -v replication=rds_replication   where the right to replicate is a role and no attribute (Amazon RDS, Aurora)
--   -v database=NAME                 another name than demae; then DATABASE_NAME and CDC_DATABASE_NAME say so too
\set ON_ERROR_STOP on
\if :{?database}
\else
\set database demae
\endif
\if :{?password}
\else
DO $$ BEGIN RAISE EXCEPTION 'give the new role its password: -v password=…'; END $$;
\endif

SET client_min_messages = warning;
DO $$
BEGIN
  IF current_setting('server_version_num')::int < 170000 THEN
    RAISE EXCEPTION 'Postgres % is too old: 17 or later', current_setting('server_version');
  ELSIF current_setting('wal_level') <> 'logical' THEN
    RAISE EXCEPTION 'wal_level is %: it must be logical (a parameter of the server, read at its start)',
      current_setting('wal_level');
  END IF;
END $$;

SELECT 'CREATE ROLE demae_admin LOGIN CREATEROLE'
  WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'demae_admin') \gexec
ALTER ROLE demae_admin PASSWORD :'password';

-- Made here, because only who may replicate can hand that on. Its password is bootstrap's.
SELECT 'CREATE ROLE cdc LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'cdc') \gexec
\if :{?replication}
GRANT :"replication" TO cdc;
\else
ALTER ROLE cdc REPLICATION;
\endif
GRANT cdc TO demae_admin WITH ADMIN OPTION;

-- Who gives a database away must be able to act as its new owner.
SELECT 'GRANT demae_admin TO CURRENT_USER' WHERE NOT pg_has_role('demae_admin', 'SET') \gexec
SELECT format('CREATE DATABASE %I OWNER demae_admin', :'database')
  WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database') \gexec
