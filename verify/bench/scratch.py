"""A database beside the system's own, on the same server: comparisons write here and leave nothing behind."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from bench.stack import Stack
from chassis.migrate import migrate

NAME = "demae_bench"
ROLE = "bench"
OWN_SCHEMA = Path(__file__).parent / "schema"


@dataclass(frozen=True)
class Scratch:
    """Addresses of the scratch database."""

    stack: Stack

    def url(self, role: str) -> str:
        """For a service's role, `bench`, or `postgres`."""
        password = self.stack.passwords["verify"] if role == ROLE else None
        return self.stack.database(role, NAME, password)


@contextmanager
def scratch(stack: Stack) -> Iterator[Scratch]:
    """Made with every service's schema and bench's own; dropped at the end."""
    drop(stack)
    with admin(stack) as db:
        db.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(NAME)))
    try:
        made = Scratch(stack)
        passwords = {**stack.passwords, ROLE: stack.passwords["verify"]}
        migrate(made.url("postgres"), stack.layout.root / "services", passwords)
        migrate(made.url("postgres"), OWN_SCHEMA, passwords)
        yield made
    finally:
        drop(stack)


def drop(stack: Stack) -> None:
    """Forget the database and its role; also what an interrupted run left."""
    with admin(stack) as db:
        db.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(NAME)))
        db.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(ROLE)))


def admin(stack: Stack) -> psycopg.Connection:
    """The server's superuser."""
    return psycopg.connect(stack.database("postgres"), autocommit=True)
