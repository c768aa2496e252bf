"""api's schema holds by itself: what its role and the notifier's may do, and what the log can never be told."""

import uuid
from collections.abc import AsyncIterator, Callable

import psycopg
import pytest

from tests.support.api_house import ANN, Client, House, opened

OUTBOX = "INSERT INTO outbox (id, topic, type, key, payload, source) VALUES (gen_random_uuid(), %s, %s, 'k', '{}', %s)"


@pytest.fixture
def house(service_database: Callable[..., str]) -> House:
    """A database of this test's own."""
    return House(service_database)


@pytest.fixture
async def client(house: House) -> AsyncIterator[Client]:
    """The application on it."""
    async with opened(house.url) as client:
        yield client


@pytest.mark.parametrize("statement", ["UPDATE journal SET type = 'x'", "DELETE FROM journal", "TRUNCATE journal"])
def test_journal_is_append_only(house: House, statement: str) -> None:
    """The event store cannot be rewritten by the service."""
    with psycopg.connect(house.url) as db, pytest.raises(psycopg.errors.InsufficientPrivilege):
        db.execute(statement.encode())


@pytest.mark.parametrize(
    ("topic", "kind", "source"),
    [
        ("orders.events", "order_cancelled", "payment"),
        ("orders.events", "payment_completed", "api"),
        ("couriers.events", "order_cancelled", "api"),
        ("orders.journal", "order_created", "api"),
    ],
)
def test_outbox_says_only_its_own(house: House, topic: str, kind: str, source: str) -> None:
    """Another service's name, fact or topic is refused at the insert."""
    with psycopg.connect(house.url) as db, pytest.raises(psycopg.errors.CheckViolation):
        db.execute(OUTBOX, [topic, kind, source])


async def test_notifier_reads_the_feed_alone(client: Client, service_database: Callable[..., str]) -> None:
    """By the view's columns, and no table behind it."""
    order_id = await client.placed()
    with psycopg.connect(service_database("notifier"), autocommit=True) as db:
        query = "SELECT order_id::text, version, type FROM api.journal_feed WHERE order_id = %s AND version > 0"
        assert db.execute(query, [order_id]).fetchall() == [(order_id, 1, "order_created")]
        for table in ("orders", "journal", "placement", "outbox"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                db.execute(f"SELECT FROM api.{table}".encode())


async def test_feed_uses_the_key(house: House, client: Client) -> None:
    """The barrier does not keep the notifier's condition from the index."""
    await client.placed()
    plan = house.ask(
        "EXPLAIN SELECT payload FROM journal_feed WHERE order_id = %s::uuid AND version > 3", str(uuid.uuid4())
    )
    assert "journal_pkey" in str(plan)


async def test_no_order_can_hang(house: House, client: Client) -> None:
    """An open order without a deadline is not storable."""
    await client.placed()
    with pytest.raises(psycopg.errors.CheckViolation):
        house.ask("UPDATE orders SET due_tick = NULL")


async def test_journal_is_published(house: House) -> None:
    """The connector's publication has both of api's outbox tables."""
    tables = house.ask("SELECT tablename FROM pg_publication_tables WHERE schemaname = 'api' ORDER BY 1")
    assert tables == [("journal",), ("outbox",)]


async def test_no_key_no_card_in_the_journal_payload(house: House, client: Client) -> None:
    """What goes to clients and to the topic of documents names no payment method."""
    await client.place(ANN, paymentMethod="pm_secret")
    assert house.ask("SELECT 1 FROM journal WHERE payload LIKE '%%pm_secret%%'") == []
    assert house.ask("SELECT 1 FROM orders WHERE document LIKE '%%pm_secret%%'") == []
