"""The CHECKs of the migrated database allow what the catalogue says, no more and no less."""

import uuid
from collections.abc import Callable, Iterator

import psycopg
import pytest

from contracts.catalogue import topics
from tests.support.contracts import EVENTS
from tests.support.databases import ROOT

SCHEMAS = sorted(path.parent.name for path in (ROOT / "services").glob("*/migrations"))
INSERT = "INSERT INTO outbox (id, topic, type, key, source, payload) VALUES (%s, %s, %s, %s, %s, '{}')"


@pytest.fixture
def outbox(service_database: Callable[..., str]) -> Iterator[Callable[[str], psycopg.Connection]]:
    """Connections for a service's role; nothing is committed."""
    opened: list[psycopg.Connection] = []

    def connect(service: str) -> psycopg.Connection:
        opened.append(psycopg.connect(service_database(service)))
        return opened[-1]

    yield connect
    for connection in opened:
        connection.rollback()
        connection.close()


def accepts(db: psycopg.Connection, statement: str, values: list[object]) -> bool:
    """Whether the schema takes the row; it is taken back at once."""
    try:
        with db.transaction(force_rollback=True):
            db.execute(statement.encode(), values)
    except psycopg.errors.CheckViolation:
        return False
    return True


@pytest.mark.parametrize("service", SCHEMAS)
def test_outbox_takes_its_service_s_events(service: str, outbox: Callable[[str], psycopg.Connection]) -> None:
    """Every pair of topic and type is tried."""
    db = outbox(service)
    pairs = {(topic, name) for topic in [*topics(), "elsewhere"] for name in [*EVENTS, "unheard_of"]}
    taken = {pair for pair in pairs if accepts(db, INSERT, [uuid.uuid4(), *pair, key_for(pair[0]), service])}
    assert taken == {(entry.topic, name) for name, entry in EVENTS.items() if service in entry.sources}


@pytest.mark.parametrize("service", sorted({source for entry in EVENTS.values() for source in entry.sources}))
def test_nobody_speaks_as_another(service: str, outbox: Callable[[str], psycopg.Connection]) -> None:
    """A row of a right type with a foreign source is refused."""
    db = outbox(service)
    entry = next(entry for entry in EVENTS.values() if service in entry.sources)
    values = [uuid.uuid4(), entry.topic, entry.name, key_for(entry.topic)]
    assert accepts(db, INSERT, [*values, service])
    assert not accepts(db, INSERT, [*values, "somebody"])


def test_outbox_refuses_what_would_stop_the_connector(outbox: Callable[[str], psycopg.Connection]) -> None:
    """One row too large for the broker would stop change data capture for everybody."""
    db = outbox("payment")
    statement = INSERT.replace("'{}'", "%s")
    values = [uuid.uuid4(), "orders.events", "payment_released", "o1", "payment"]
    assert accepts(db, statement, [*values, "x" * 524287])
    assert not accepts(db, statement, [*values, "x" * 524288])


def key_for(topic: str) -> str:
    """The clock has one key; ids are free."""
    return "clock" if topic == "ticks" else "some-id"
