"""The system's database: made, and brought up to date by every service's migrations."""

import psycopg
from psycopg import sql

from chassis.migrate import migrate
from local.system import System
from runtime.system import DATABASE


def prepare(system: System) -> list[str]:
    """Makes the database, roles, schemas and tables that are missing; -> the migrations applied now."""
    with psycopg.connect(system.cluster.url(), autocommit=True) as admin:
        if not admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
            admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
    return migrate(system.database_url("postgres"), system.layout.root / "services", system.keys.database)
