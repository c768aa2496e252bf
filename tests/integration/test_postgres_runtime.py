"""The Postgres that tests start, as a process or as a container."""

from collections.abc import Callable

import psycopg
import pytest

from tests.support.databases import TestServer


def test_server_decodes_its_log(postgres: TestServer) -> None:
    """Change data capture needs logical decoding, and a server that answers on TCP."""
    with psycopg.connect(postgres.url()) as connection:
        assert connection.execute("SHOW wal_level").fetchone() == ("logical",)


def test_wrong_password_is_refused(postgres: TestServer) -> None:
    """Roles are told apart by their passwords, as everywhere else."""
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(postgres.url(password="wrong"))


def test_blank_databases_are_apart(postgres: TestServer, blank_database: str) -> None:
    """What one database holds, a new one does not."""
    with psycopg.connect(blank_database) as connection:
        connection.execute("CREATE TABLE mine()")
    other = postgres.create()
    with psycopg.connect(postgres.url(database=other)) as connection:
        assert connection.execute("SELECT to_regclass('mine')").fetchone() == (None,)
    postgres.drop(other)


def test_service_database_is_migrated(service_database: Callable[..., str]) -> None:
    """A service's role finds the tables of its own schema by their bare names."""
    with psycopg.connect(service_database("payment")) as connection:
        assert connection.execute("SELECT count(*) FROM outbox").fetchone() == (0,)
