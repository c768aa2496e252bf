"""Every row that a test makes a service publish is held against the contracts; and a service to try chassis on."""

from collections.abc import Callable, Iterator

import pytest

from tests.support.contracts import assert_rows_keep_the_contract
from tests.support.counting import Counting, make_schema
from tests.support.databases import TestServer
from tests.support.worlds import FakeWorld, OwnBroker, RealWorld, World, running_broker


@pytest.fixture
def service_database(service_database: Callable[..., str]) -> Iterator[Callable[..., str]]:
    """As in tests/conftest.py; at the end each outbox and journal row of the test's databases must validate."""
    used: set[str] = set()

    def url(role: str, *, fresh: bool = False) -> str:
        given = service_database(role, fresh=fresh)
        used.add(service_database("postgres"))
        return given

    yield url
    for admin_url in used:
        assert_rows_keep_the_contract(admin_url)


@pytest.fixture(scope="session")
def real_broker() -> Iterator[OwnBroker]:
    """One broker for the run."""
    with running_broker() as process:
        yield process


@pytest.fixture
def fake() -> FakeWorld:
    """A log in memory, for faults that a real broker does not do on demand."""
    return FakeWorld()


@pytest.fixture(params=["fake", "real"])
def world(request: pytest.FixtureRequest) -> World:
    """The same test on both."""
    return FakeWorld() if request.param == "fake" else RealWorld(request.getfixturevalue("real_broker").bootstrap)


@pytest.fixture(scope="session")
def template(postgres: TestServer, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database with the counting service's schema, to be cloned."""
    name = postgres.create()
    make_schema(postgres.url(database=name), tmp_path_factory.mktemp("services"))
    return name


@pytest.fixture
def counting(postgres: TestServer, template: str, request: pytest.FixtureRequest) -> Iterator[Counting]:
    """The counting service in a database of its own, reading the test's topic."""
    log = request.getfixturevalue("world" if "world" in request.fixturenames else "fake")
    name = postgres.create(template)
    made = Counting(postgres.url("counting", name), log.topic)
    yield made
    for database in made.databases:
        database.close()
    postgres.drop(name)
