"""The system's database: made, and brought up to date by every service's migrations."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
from psycopg import sql

from chassis.database import TROUBLE, said
from chassis.errors import Fatal, Transient
from chassis.migrate import discover, migrate, pending, roles

CONNECT_SECONDS = 5


def prepare(admin_url: str, database: str, services: Path, passwords: Mapping[str, str] | None = None) -> list[str]:
    """Makes the database, roles, schemas and tables that are missing; -> the migrations applied now.

    `admin_url` may name any database of the server. Raises Transient while the server is away, Fatal when an applied
    file has changed, psycopg.Error when a file fails. Safe to run again, and from several places at once.
    """
    ours = located(admin_url, database=database)
    try:
        make(admin_url, database)
        return migrate(ours, services, passwords)
    except TROUBLE as error:
        raise Transient(f"postgres: {said(error)}") from error


def complete(admin_url: str, database: str, services: Path) -> bool:
    """Whether nothing is missing: a look that changes nothing. Raises Transient while the server is away."""
    ours = located(admin_url, database=database)
    try:
        with _connect(admin_url) as admin:
            if not _exists(admin, database):
                return False
        with _connect(ours) as db:
            known = {row[0] for row in db.execute("SELECT rolname FROM pg_roles").fetchall()}
            left = (name for schema, folder in discover(services).items() for name in pending(db, schema, folder))
            return known.issuperset(roles(services)) and next(left, None) is None
    except (psycopg.errors.UndefinedTable, psycopg.errors.InsufficientPrivilege):
        return False
    except TROUBLE as error:
        raise Transient(f"postgres: {said(error)}") from error


def make(admin_url: str, database: str) -> bool:
    """-> whether this call made it."""
    with _connect(admin_url) as admin:
        if _exists(admin, database):
            return False
        # Another bootstrap may be doing the same.
        with suppress(psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
            admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))
            return True
    return False


def located(url: str, *, database: str, role: str = "", password: str = "") -> str:
    """The same server's `database`, for `role` when one is given; host, port and parameters stay. Fatal: not a URL."""
    parts = urlsplit(url)
    if parts.scheme not in ("postgresql", "postgres") or not parts.hostname:
        raise Fatal("the administrator's URL must look like postgresql://role:password@host:5432/postgres")
    who, _, where = parts.netloc.rpartition("@")
    login = f"{quote(role, safe='')}:{quote(password, safe='')}" if role else who
    return urlunsplit(
        parts._replace(netloc=f"{login}@{where}" if login else where, path=f"/{quote(database, safe='')}")
    )


def _connect(url: str) -> psycopg.Connection[tuple[Any, ...]]:
    return psycopg.connect(url, autocommit=True, connect_timeout=CONNECT_SECONDS)


def _exists(admin: psycopg.Connection[tuple[Any, ...]], database: str) -> bool:
    return admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone() is not None
