"""A real Postgres for tests: one server a run, one fresh database a test, cloned from a migrated template."""

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from unittest import mock

import psycopg
from psycopg import sql

from tests.support.parts import PASSWORD, Parts, own_parts

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = "demae_template"


@dataclass(frozen=True)
class TestServer:
    """The run's server. Every role's password is PASSWORD."""

    __test__ = False
    parts: Parts

    def url(self, role: str = "postgres", database: str = "postgres", password: str = PASSWORD) -> str:
        return self.parts.database_url(role, database, password)

    def create(self, template: str | None = None) -> str:
        """A new database's name: empty, or a clone of `template`."""
        name = f"t_{uuid.uuid4().hex[:16]}"
        source = sql.Identifier(template or "template0")
        with psycopg.connect(self.url(), autocommit=True) as admin:
            admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), source))
        return name

    def drop(self, name: str) -> None:
        """Forgets a database with its sessions and replication slots."""
        slots = (
            "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = %s AND NOT active"
        )
        with psycopg.connect(self.url(), autocommit=True) as admin:
            admin.execute(slots, [name])
            admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    @cached_property
    def template(self) -> str:
        """The name of the database that has every service's schema, made by the migrations at first use."""
        from chassis.migrate import migrate  # noqa: PLC0415  (tests of the server itself need no chassis)

        with psycopg.connect(self.url(), autocommit=True) as admin:
            admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(TEMPLATE)))
        with mock.patch.dict(os.environ, {"DB_PASSWORD": PASSWORD}):
            migrate(self.url(database=TEMPLATE), ROOT / "services")
        return TEMPLATE


@contextmanager
def running_server() -> Iterator[TestServer]:
    """A server of one's own, gone with its data at the end, whatever happens inside."""
    with own_parts() as parts:
        parts.start("postgres")
        yield TestServer(parts)


@contextmanager
def service_databases(server: TestServer) -> Iterator[Callable[..., str]]:
    """The factory of the fixture `service_database`: a test's calls address one fresh database, unless `fresh`."""
    made: list[str] = []

    def url(role: str, *, fresh: bool = False) -> str:
        if fresh or not made:
            made.append(server.create(server.template))
        return server.url(role, made[-1])

    try:
        yield url
    finally:
        for name in made:
            server.drop(name)
