#!/bin/bash
# Starts Postgres as upstream's image does. On an empty data directory: initdb with POSTGRES_{USER,PASSWORD,DB,INITDB_ARGS,
# INITDB_WALDIR,HOST_AUTH_METHOD} (each also as NAME_FILE), then /docker-entrypoint-initdb.d, with the server on its socket only.
set -Eeuo pipefail
shopt -s nullglob
readonly scripts=/docker-entrypoint-initdb.d

# variable NAME [DEFAULT]: sets it from NAME or from the file NAME_FILE.
variable() {
  local name=$1 file="${1}_FILE"
  if [ -n "${!name:-}" ] && [ -n "${!file:-}" ]; then
    echo "error: both $name and $file are set (but are exclusive)" >&2
    exit 1
  fi
  if [ -n "${!file:-}" ]; then printf -v "$name" '%s' "$(<"${!file}")"; fi
  export "$name=${!name:-${2:-}}"
  unset "$file"
}

settings() {
  variable POSTGRES_PASSWORD
  variable POSTGRES_USER postgres
  variable POSTGRES_DB "$POSTGRES_USER"
  variable POSTGRES_INITDB_ARGS
  variable POSTGRES_INITDB_WALDIR
  variable POSTGRES_HOST_AUTH_METHOD
  if [ -z "$POSTGRES_PASSWORD" ] && [ "$POSTGRES_HOST_AUTH_METHOD" != trust ]; then
    echo 'Error: Database is uninitialized and superuser password is not specified.' >&2
    echo '       You must specify POSTGRES_PASSWORD to a non-empty value for the superuser.' >&2
    exit 1
  fi
}

run_sql() { # run_sql DATABASE [psql arguments]
  PGHOST='' PGHOSTADDR='' psql -v ON_ERROR_STOP=1 --no-psqlrc --no-password -U "$POSTGRES_USER" -d "$@"
}

create_cluster() {
  local more=()
  eval "more=($POSTGRES_INITDB_ARGS)" # a line of shell words, as upstream takes it
  [ -z "$POSTGRES_INITDB_WALDIR" ] || more+=(--waldir "$POSTGRES_INITDB_WALDIR")
  initdb -U "$POSTGRES_USER" --pwfile=<(printf '%s\n' "$POSTGRES_PASSWORD") -D "$PGDATA" "${more[@]}"
  local method=${POSTGRES_HOST_AUTH_METHOD:-$(postgres -C password_encryption "$@")}
  printf '\nhost all all all %s\n' "$method" >>"$PGDATA/pg_hba.conf"
}

create_database() {
  if [ -z "$(run_sql postgres -tA --set name="$POSTGRES_DB" <<<"SELECT 1 FROM pg_database WHERE datname = :'name'")" ]; then
    run_sql postgres --set name="$POSTGRES_DB" <<<'CREATE DATABASE :"name"'
  fi
}

run_scripts() {
  local file
  for file in "$scripts"/*; do
    echo "$0: $file"
    case $file in
      *.sh) if [ -x "$file" ]; then "$file"; else
        # shellcheck source=/dev/null
        . "$file"
      fi ;;
      *.sql) run_sql "$POSTGRES_DB" -f "$file" ;;
      *.sql.gz) gunzip -c "$file" | run_sql "$POSTGRES_DB" ;;
      *.sql.xz) xzcat "$file" | run_sql "$POSTGRES_DB" ;;
      *.sql.zst) zstd -dc "$file" | run_sql "$POSTGRES_DB" ;;
      *) echo "$0: ignored $file" ;;
    esac
  done
}

initialise() { # initialise [arguments of postgres]
  settings
  create_cluster "$@"
  export PGPASSWORD=$POSTGRES_PASSWORD
  pg_ctl -D "$PGDATA" -o "$(printf '%q ' "$@" -c listen_addresses= -p "${PGPORT:-5432}")" -w start
  create_database
  run_scripts
  pg_ctl -D "$PGDATA" -m fast -w stop
  unset PGPASSWORD
  printf '\n%s\n\n' 'PostgreSQL init process complete; ready for start up.'
}

[ "${1:0:1}" != - ] || set -- postgres "$@"
[ "$1" = postgres ] || exec "$@"
for word; do
  case $word in --help | -'?' | --version | -V | --describe-config | -C) exec "$@" ;; esac
done

if [ "$(id -u)" = 0 ]; then
  mkdir -p "$PGDATA"
  chmod 700 "$PGDATA"
  find "$PGDATA" /var/run/postgresql ! -user postgres -exec chown postgres {} +
  exec gosu postgres "$0" "$@"
fi
if [ -s "$PGDATA/PG_VERSION" ]; then
  printf '\n%s\n\n' 'PostgreSQL Database directory appears to contain a database; Skipping initialization'
else
  initialise "${@:2}"
fi
exec "$@"
