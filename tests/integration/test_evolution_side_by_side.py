"""A new version of an event while an old and a new consumer share one group, on a real broker (docs/evolution.md)."""

import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from chassis.batch import Batch
from chassis.consumer import Consumer
from chassis.database import Database, Transaction
from chassis.envelope import Event, Reads
from chassis.topics import create_topics
from cli import parked
from ground.waiting import until
from restaurant import handlers
from restaurant.events import (
    ORDERS,
    DeliveryAssigned,
    ItemsOutOfStock,
    ItemsOutOfStockV1,
    Line,
    Missing,
    OrderCreated,
)
from restaurant.reading import READS
from tests.support import worlds
from tests.support.counting import running
from tests.support.worlds import OwnBroker, RealWorld

ALL = 24  # orders at once: each of two members has some
STOCK = 1000
KITCHEN = f"""
INSERT INTO restaurant (restaurant_id, menu) VALUES ('r1', '[]');
INSERT INTO stock (restaurant_id, item_id, quantity) VALUES ('r1', 'soup', {STOCK});
"""
# As the code before read it: version 1, and no other.
OLD_READS: Reads = {**READS, "items_out_of_stock": ItemsOutOfStockV1}


def handle_as_before(tx: Transaction, batch: Batch) -> None:
    """What the code before did with what it read."""
    events = [replace(event, data=_seen(event.data)) for event in batch.events]
    handlers.handle(tx, Batch(batch.keys, lambda: events))


def _seen(data: Any) -> Any:
    return ItemsOutOfStock(tuple(Missing(i, 0) for i in data.items)) if isinstance(data, ItemsOutOfStockV1) else data


class Kitchen:
    """One restaurant, its log on a broker, and members of its group."""

    def __init__(self, broker: OwnBroker, url: str) -> None:
        self.url = url
        self._world = RealWorld(broker.bootstrap)  # a topic and a group of its own
        create_topics(broker.bootstrap, {self._world.topic: {"partitions": worlds.PARTITIONS}})
        self.ask(KITCHEN)

    def member(self, reads: Reads, handle: Any) -> Consumer:
        """Not started."""
        return Consumer(
            name="restaurant",
            database=Database(self.url, "test", 2),
            log=self._world.log(),
            topics=[self._world.topic],
            reads=reads,
            handle=handle,
            wants=handlers.wants,
        )

    def old(self) -> Consumer:
        return self.member(OLD_READS, handle_as_before)

    def new(self) -> Consumer:
        return self.member(READS, handlers.handle)

    def cooks(self) -> list[str]:
        """Orders that are being cooked now; -> their ids."""
        orders = [str(uuid.uuid4()) for _ in range(ALL)]
        for order in orders:
            self.say(order, "order_created", OrderCreated("r1", (Line("soup", 1),)))
            self.say(order, "delivery_assigned", DeliveryAssigned())
        until(lambda: self.states(orders) == ["COOKING"] * ALL, 30, "all of them cooking")
        return orders

    def reports(self, orders: Sequence[str], version: int) -> None:
        """api says of each that its dish has run out, in the words of this version."""
        words = {1: ItemsOutOfStockV1(("soup",)), 2: ItemsOutOfStock((Missing("soup", 0),))}
        for order in orders:
            self.say(order, "items_out_of_stock", words[version], version)

    def say(self, order: str, kind: str, data: object, version: int = 1) -> None:
        """As the connector would put it into the log."""
        worlds.publish(self._world, Event(ORDERS, order, kind, data, schema_version=version), "api")

    def states(self, orders: Sequence[str]) -> list[str]:
        """Of the tickets of these orders."""
        return [state for (state,) in self.ask("SELECT state FROM ticket WHERE order_id = ANY(%s)", list(orders))]

    def parked(self) -> list[tuple[str, str]]:
        """State and error of what waits for a person."""
        return self.ask("SELECT state, error FROM parked WHERE state <> 'behind'")

    def ask(self, query: str, *values: object) -> list[Any]:
        """Look, or meddle, as the service."""
        with psycopg.connect(self.url, autocommit=True) as db:
            cursor = db.execute(query.encode(), values or None)
            return cursor.fetchall() if cursor.description else []


@pytest.fixture
def kitchen(real_broker: OwnBroker, service_database: Callable[..., str]) -> Iterator[Kitchen]:
    yield Kitchen(real_broker, service_database("restaurant"))


def both_read(*members: Consumer) -> None:
    """Each has partitions."""
    until(lambda: all(member._owned.saved for member in members), 30, "both members reading")


def test_consumers_before_producers(kitchen: Kitchen) -> None:
    """While both run version 1 is said; the old one leaves; version 2 flows. Nothing was set aside."""
    old, new = kitchen.old(), kitchen.new()
    with running(new):
        with running(old):
            both_read(old, new)
            kitchen.reports(orders := kitchen.cooks(), version=1)
            until(lambda: kitchen.states(orders) == ["CLOSED"] * ALL, 30, "version 1 understood by both")
        kitchen.ask("UPDATE stock SET quantity = %s", STOCK)
        kitchen.reports(orders := kitchen.cooks(), version=2)
        until(lambda: kitchen.states(orders) == ["CLOSED"] * ALL, 30, "version 2 understood")
    assert kitchen.parked() == []


def test_producer_before_a_consumer_is_repaired_by_its_successor(kitchen: Kitchen) -> None:
    """The mistake: what the old one reads of version 2 it sets aside; released, the new one takes it over."""
    old, new = kitchen.old(), kitchen.new()
    with running(new):
        with running(old):
            both_read(old, new)
            kitchen.reports(orders := kitchen.cooks(), version=2)
            until(lambda: kitchen.states(orders).count("CLOSED") + len(kitchen.parked()) == ALL, 30, "each read")
        heads = kitchen.parked()
        assert 0 < len(heads) < ALL
        assert all(state == "head" and "version 2" in error for state, error in heads)
        told = CliRunner().invoke(parked.app, ["release", "--all"], env={"DATABASE_URL": kitchen.url})
        assert told.exit_code == 0, told.output
        until(lambda: kitchen.states(orders) == ["CLOSED"] * ALL, 30, "what was set aside handled")
    assert kitchen.parked() == []
