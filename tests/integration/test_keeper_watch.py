"""The watch against a real database and a Connect of this test's own."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import psycopg
import pytest

from chassis.database import Database
from chassis.errors import Transient
from keeper.connect import Connect
from keeper.connector import Source
from keeper.domain import Connector
from keeper.store import drop_dead_slot
from keeper.watch import Watch

Urls = Callable[..., str]
SOURCE = Source("db", 5432, "demae", "cdc", "test")
RUNNING = Connector("RUNNING", ["RUNNING"])


@dataclass
class FakeConnect(Connect):
    """Kafka Connect in memory: what it was told, in order."""

    registered: dict[str, str] | None = None
    state: Connector | None = None
    away: bool = False
    told: list[str] = field(default_factory=list)

    def status(self) -> Connector | None:
        if self.away:
            raise Transient("connect: refused")
        return self.state

    def configuration(self) -> dict[str, str] | None:
        return self.registered

    def register(self, configuration: Mapping[str, str]) -> None:
        self.told.append("register")
        self.registered, self.state = dict(configuration), RUNNING

    def restart(self) -> None:
        self.told.append("restart")
        self.state = RUNNING

    def close(self) -> None:
        self.told.append("close")


@pytest.fixture
def connect() -> FakeConnect:
    """Up, and knowing nothing."""
    return FakeConnect()


@pytest.fixture
def watch(service_database: Urls, connect: FakeConnect) -> Iterator[Watch]:
    """Not started: each test turns it by hand."""
    url = service_database("keeper")
    database = Database(url, "keeper", size=1)
    yield Watch(database, connect, SOURCE, lambda: drop_dead_slot(url, "cdc", "test"))
    database.close()


def test_registers_once(watch: Watch, connect: FakeConnect) -> None:
    """Nothing registered: the whole configuration is put; then nothing more."""
    for _ in range(3):
        watch.turn()
    assert connect.told == ["register"]
    assert "api.outbox" in (connect.registered or {})["snapshot.select.statement.overrides"]


def test_successor_registers_nothing(watch: Watch, connect: FakeConnect) -> None:
    """The same configuration is there already, from another keeper; the connector may be too young for a status."""
    watch.turn()
    connect.told.clear()
    connect.state = None
    watch.turn()
    assert connect.told == []


def test_new_table_is_registered(watch: Watch, connect: FakeConnect, service_database: Urls) -> None:
    """A table joins the publication: the repair list is put again at the next look."""
    watch.turn()
    with psycopg.connect(service_database("postgres"), autocommit=True) as db:
        db.execute("CREATE TABLE api.bakery (seq bigint)")
        db.execute("ALTER PUBLICATION demae ADD TABLE api.bakery")
    watch.turn()
    assert connect.told == ["register", "register"]
    assert "api.bakery" in (connect.registered or {})["snapshot.select.statement.overrides"]


def test_failed_task_is_restarted_once(watch: Watch, connect: FakeConnect) -> None:
    """FAILED: one restart, and none while it runs."""
    watch.turn()
    connect.state = Connector("RUNNING", ["FAILED"])
    watch.turn()
    watch.turn()
    assert connect.told == ["register", "restart"]


def test_away_connect_is_waited_out(watch: Watch, connect: FakeConnect) -> None:
    """Connect starts later than the keeper."""
    connect.away = True
    with pytest.raises(Transient):
        watch.turn()
    connect.away = False
    watch.turn()
    assert connect.told == ["register"]


def test_unmigrated_database_is_waited_out(blank_database: str, connect: FakeConnect) -> None:
    """Before the migrations there is nothing to publish, and no list to register."""
    database = Database(blank_database, "keeper", size=1)
    with pytest.raises(Transient, match="migrations"):
        Watch(database, connect, SOURCE, lambda: False).turn()
    database.close()
    assert connect.told == []


def test_healthy_slot_is_not_dropped(service_database: Urls) -> None:
    """The drop asks again whether the slot is lost, at the last moment."""
    url = service_database("keeper")
    with psycopg.connect(service_database("postgres"), autocommit=True) as db:
        db.execute("SELECT pg_create_logical_replication_slot('demae', 'pgoutput')")
        assert drop_dead_slot(url, "cdc", "test") is False
        assert db.execute("SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'demae'").fetchone() == (1,)
        db.execute("SELECT pg_drop_replication_slot('demae')")


def test_slot_goes_with_its_publication(service_database: Urls, watch: Watch) -> None:
    """Somebody dropped the publication: its slot is dropped too, and the watch waits for the migrations."""
    watch.turn()
    with psycopg.connect(service_database("postgres"), autocommit=True) as db:
        db.execute("SELECT pg_create_logical_replication_slot('demae', 'pgoutput')")
        db.execute("DROP PUBLICATION demae")
        watch.turn()
        assert db.execute("SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'demae'").fetchone() == (0,)
    with pytest.raises(Transient, match="somebody dropped it"):
        watch.turn()
