"""Roles, schemas, migrations and the publication, from the folders of the services.

Every service folder `services/NAME` has a login role NAME, which owns nothing; one with `migrations` has a schema NAME
too, owned by role `migrator`, and its role reaches no other schema unless a migration grants it. chassis's own tables
come first, then the service's numbered files. Applied files are recorded with their checksum; one that has changed
since is refused. Safe to run again, and from several places at once.
"""

from __future__ import annotations

import argparse
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
from psycopg import sql

from chassis.errors import Fatal
from chassis.settings import secret

MIGRATOR = "migrator"
CDC = "cdc"  # the connector's role: reads outboxes and the WAL
VERIFY = "verify"  # reads everything, writes nothing: for checks from outside
PUBLICATION = "demae"
PUBLISHED = ("outbox", "journal")  # tables by these names are published
LOCK = 0x6368617373  # advisory lock: one migration at a time in a database

# So that a frozen process holds up nobody for longer than this (a zombie that holds a row).
ROLE_LIMITS = {
    "idle_in_transaction_session_timeout": "5s",
    "lock_timeout": "3s",
    "statement_timeout": "10s",
    "transaction_timeout": "15s",
}

# A prepared statement keeps the plan it was given while its table was empty, a scan of the whole, until the next
# ANALYZE: a minute or more, in which each batch reads every row (at 9,000 rows 1-7 ms a statement; 0.1-0.2 with this).
ROLE_PLANS = {
    "enable_seqscan": "off",  # where there is no index the table is read all the same
    "jit": "off",  # before Postgres 18 the cost of a scan that is "off" would set it compiling
}

OWN_SQL = Path(__file__).parent / "sql"


def discover(services: Path) -> dict[str, Path]:
    """Schema name → folder of its migrations, for every service that keeps something."""
    return {path.parent.name: path for path in sorted(services.glob("*/migrations")) if any(path.glob("*.sql"))}


def discover_roles(services: Path) -> list[str]:
    """Every service's name: one that keeps nothing has a role too, for what others grant it."""
    names = {path.parent.name for path in services.glob("*/pyproject.toml")} | set(discover(services))
    for name in names:
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,30}", name):
            raise Fatal(f"{name!r} cannot name a schema and a role: use lower-case letters, digits and _")
    return sorted(names)


def roles(services: Path) -> list[str]:
    """Every role that logs in with a password of ours."""
    return [*discover_roles(services), CDC, VERIFY]


def migrate(admin_url: str, services: Path, passwords: Mapping[str, str] | None = None) -> list[str]:
    """Bring the database at `admin_url` up to date; -> the files applied, as `schema/name`.

    `admin_url`'s role owns the database and may create roles; that of change data capture, which must be allowed to
    replicate, is made by a superuser, or beforehand by somebody who may hand that on.
    `passwords` by role name, `*` for the rest; default from DB_PASSWORD_<ROLE> and DB_PASSWORD.
    Raises Fatal when an applied file was changed, psycopg.Error when a file fails (that file is rolled back whole).
    """
    schemas = discover(services)
    words = passwords if passwords is not None else passwords_from_environment(roles(services))
    with psycopg.connect(admin_url, autocommit=True) as db, locked(db):
        make_roles(db, discover_roles(services), words)
        applied = []
        for schema in schemas:
            make_schema(db, schema)
        for schema, folder in schemas.items():
            applied += apply(db, schema, [*files(OWN_SQL, "chassis/"), *files(folder, "")])
        publish_tables(db, list(schemas))
    return applied


def passwords_from_environment(names: Sequence[str]) -> dict[str, str]:
    """DB_PASSWORD_<ROLE>, else DB_PASSWORD, variables or secret files; Fatal naming every role that has neither."""
    words = {name: secret(f"DB_PASSWORD_{name.upper()}") or secret("DB_PASSWORD") for name in names}
    if missing := [f"DB_PASSWORD_{r.upper()}" for r, word in words.items() if not word]:
        raise Fatal(f"set DB_PASSWORD, or each of: {', '.join(missing)}")
    return words


def files(folder: Path, prefix: str) -> list[tuple[str, str]]:
    """(recorded name, SQL) of a folder's numbered files, in order."""
    return [(prefix + path.name, path.read_text(encoding="utf-8")) for path in sorted(folder.glob("[0-9]*.sql"))]


@contextmanager
def locked(db: psycopg.Connection) -> Iterator[None]:
    """Hold the migration lock of this database; waits for another migration to end."""
    db.execute("SELECT pg_advisory_lock(%s)", [LOCK])
    try:
        yield
    finally:
        db.execute("RESET ROLE")
        db.execute("SELECT pg_advisory_unlock(%s)", [LOCK])


def make_roles(db: psycopg.Connection, names: Sequence[str], passwords: Mapping[str, str]) -> None:
    """Create the roles that are missing, and set every role's password and limits again."""
    make_role(db, MIGRATOR, "NOLOGIN")
    db.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(MIGRATOR)))
    for name in [*names, CDC, VERIFY]:
        make_role(db, name, "LOGIN REPLICATION" if name == CDC else "LOGIN")
        word = passwords.get(name, passwords.get("*", ""))
        db.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(name), sql.Literal(word)))
    for name in names:
        limits = {**ROLE_LIMITS, **ROLE_PLANS, "search_path": name}
        for setting, value in limits.items():
            statement = sql.SQL("ALTER ROLE {} SET {} = {}")
            db.execute(statement.format(sql.Identifier(name), sql.Identifier(setting), sql.Literal(value)))
    database = db.info.dbname
    db.execute(sql.SQL("GRANT CREATE ON DATABASE {} TO {}").format(sql.Identifier(database), sql.Identifier(MIGRATOR)))


def make_role(db: psycopg.Connection, name: str, attributes: str) -> None:
    """Roles belong to the whole server: another database's migration may make the same one at the same time."""
    if db.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone():
        return
    with suppress(psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):
        db.execute(sql.SQL("CREATE ROLE {} " + attributes).format(sql.Identifier(name)))


def make_schema(db: psycopg.Connection, name: str) -> None:
    """The schema, and what its role may do with the tables that will be made in it."""
    names = {"schema": name, "owner": MIGRATOR, "cdc": CDC, "verify": VERIFY}
    for statement in (
        "CREATE SCHEMA IF NOT EXISTS {schema} AUTHORIZATION {owner}",
        "GRANT USAGE ON SCHEMA {schema} TO {schema}, {cdc}, {verify}",
        "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA {schema}"
        " GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {schema}",
        "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA {schema} GRANT USAGE ON SEQUENCES TO {schema}",
        "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA {schema} GRANT SELECT ON TABLES TO {verify}",
    ):
        db.execute(sql.SQL(statement).format(**{key: sql.Identifier(value) for key, value in names.items()}))
    db.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(MIGRATOR)))
    db.execute(
        sql.SQL(
            "CREATE TABLE IF NOT EXISTS {}.migration"
            " (name text PRIMARY KEY, checksum text NOT NULL, at timestamptz NOT NULL DEFAULT now())"
        ).format(sql.Identifier(name))
    )
    db.execute("RESET ROLE")


def apply(db: psycopg.Connection, schema: str, wanted: Sequence[tuple[str, str]]) -> list[str]:
    """Apply the files that are not recorded yet, each in a transaction of its own."""
    db.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(MIGRATOR)))
    db.execute(sql.SQL("SET search_path = {}").format(sql.Identifier(schema)))
    done: dict[str, str] = dict(db.execute("SELECT name, checksum FROM migration").fetchall())
    applied = []
    for name, text in wanted:
        checksum = hashlib.sha256(text.encode()).hexdigest()
        if done.get(name, checksum) != checksum:
            raise Fatal(f"{schema}/{name} was applied and has changed since: add a new file instead")
        if name not in done:
            with db.transaction():
                db.execute(text.encode())
                db.execute("INSERT INTO migration (name, checksum) VALUES (%s, %s)", [name, checksum])
            applied.append(f"{schema}/{name}")
    db.execute("RESET search_path")
    db.execute("RESET ROLE")
    return applied


def pending(db: psycopg.Connection, schema: str, folder: Path) -> list[str]:
    """The files of `folder`, and chassis's own, that are not applied to `schema`. As the role of the schema, too."""
    table = sql.Identifier(schema, "migration")
    done = {row[0] for row in db.execute(sql.SQL("SELECT name FROM {}").format(table)).fetchall()}
    return [name for name, _ in [*files(OWN_SQL, "chassis/"), *files(folder, "")] if name not in done]


def publish_tables(db: psycopg.Connection, schemas: Sequence[str]) -> None:
    """Make the publication hold every outbox and journal: a new service flows with no file edited."""
    db.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(MIGRATOR)))
    if not db.execute("SELECT 1 FROM pg_publication WHERE pubname = %s", [PUBLICATION]).fetchone():
        create = sql.SQL("CREATE PUBLICATION {} WITH (publish = 'insert')")
        db.execute(create.format(sql.Identifier(PUBLICATION)))
    missing = db.execute(
        """SELECT schemaname, tablename FROM pg_tables WHERE schemaname = ANY(%s) AND tablename = ANY(%s)
           EXCEPT SELECT schemaname, tablename FROM pg_publication_tables WHERE pubname = %s""",
        [list(schemas), list(PUBLISHED), PUBLICATION],
    ).fetchall()
    for schema, table in missing:
        name = sql.Identifier(schema, table)
        db.execute(sql.SQL("GRANT SELECT ON {} TO {}").format(name, sql.Identifier(CDC)))
        db.execute(sql.SQL("ALTER PUBLICATION {} ADD TABLE {}").format(sql.Identifier(PUBLICATION), name))
    db.execute("RESET ROLE")


def main() -> None:
    """`python -m chassis.migrate --services services`, with ADMIN_DATABASE_URL and the passwords in the environment."""
    parser = argparse.ArgumentParser(description="Create roles and schemas, and apply the migrations of every service.")
    parser.add_argument("--services", type=Path, default=Path("services"), help="folder of the services")
    arguments = parser.parse_args()
    url = secret("ADMIN_DATABASE_URL")
    if not url:
        raise SystemExit("ADMIN_DATABASE_URL is not set: the URL of a role that may create roles")
    try:
        applied = migrate(url, arguments.services)
    except Fatal as error:
        raise SystemExit(f"migrate: {error}") from error
    print("\n".join(applied) or "nothing to apply")  # noqa: T201


if __name__ == "__main__":
    main()
