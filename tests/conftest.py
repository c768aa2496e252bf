"""Fixtures that every test may ask for. Nothing starts until a test asks: unit and contract tests need no server."""

from collections.abc import Callable, Iterator

import pytest

from tests.support.databases import TestServer, running_server, service_databases
from tests.support.stack import LocalStack, local_stack


def pytest_report_header() -> str:
    """Where the tests that need a whole system run it."""
    return "runtime: local processes"


@pytest.fixture(scope="session")
def postgres() -> Iterator[TestServer]:
    """A real Postgres for the whole run: own free port, own temporary folder."""
    with running_server() as server:
        yield server


@pytest.fixture
def service_database(postgres: TestServer) -> Iterator[Callable[..., str]]:
    """`service_database("payment")` is the URL for role `payment` in this test's own migrated database.

    A second call in the same test is the same database for another role ("postgres" is the superuser, "verify" reads
    everything); `service_database("payment", fresh=True)` makes one more.
    """
    with service_databases(postgres) as url:
        yield url


@pytest.fixture
def blank_database(postgres: TestServer) -> Iterator[str]:
    """The superuser's URL of an empty database of this test's own: no role, no schema."""
    name = postgres.create()
    yield postgres.url(database=name)
    postgres.drop(name)


@pytest.fixture(scope="session")
def stack() -> Iterator[LocalStack]:
    """A whole system for the run, with ports and data of its own: see tests/support/stack.py for what it offers."""
    with local_stack() as running:
        yield running
