"""newcomer through the consumer, and its transactions: broker in memory, Postgres real."""

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from chassis.database import Database
from chassis.envelope import Event, Record
from chassis.testing import FakeBroker
from ground.waiting import until
from newcomer import handlers
from newcomer.__main__ import build
from newcomer.domain import POINTS
from newcomer.events import ORDERS, READS, OrderDelivered
from tests.support.batches import batch
from tests.support.counting import running


class Town:
    """A broker, the service's database, and what can be seen of it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.broker = FakeBroker({ORDERS: 4})
        self.database = Database(url, "test")

    def say(self, key: str, data: Any) -> Record:
        """Publish an event of another service."""
        name = next(name for name, shape in READS.items() if isinstance(data, shape))
        return self.broker.publish(Event(ORDERS, key, name, data), "elsewhere")

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """Look from outside."""
        with psycopg.connect(self.url) as db:
            return db.execute(query.encode()).fetchall()

    def points(self) -> dict[str, int]:
        """Order → points."""
        return dict(self.ask("SELECT order_id, points FROM score"))


@pytest.fixture
def town(service_database: Callable[..., str]) -> Iterator[Town]:
    """Nothing delivered yet."""
    one = Town(service_database("newcomer"))
    yield one
    one.database.close()


def test_delivered_orders_are_counted(town: Town) -> None:
    """Each order, by its key."""
    with running(build(town.database, town.broker.log("newcomer"))) as ends:
        town.say("o1", OrderDelivered())
        town.say("o2", OrderDelivered())
        until(lambda: town.points() == {"o1": POINTS, "o2": POINTS})
    assert ends == []


def test_repeats_count_once(town: Town) -> None:
    """The same event again by CDC, in the same batch and later, earns nothing more."""
    with running(build(town.database, town.broker.log("newcomer"))) as ends:
        record = town.say("o1", OrderDelivered())
        town.broker.repeat(record)
        until(lambda: town.points() == {"o1": POINTS})
        town.broker.repeat(record)
        town.say("o2", OrderDelivered())
        until(lambda: town.points() == {"o1": POINTS, "o2": POINTS})
    assert ends == []


def test_rolled_back_batch_leaves_nothing(town: Town) -> None:
    """A batch that fails before its commit has earned nothing."""
    with pytest.raises(RuntimeError), town.database.transaction() as tx:
        handlers.handle(tx, batch(READS, [("o1", OrderDelivered())]))
        raise RuntimeError("killed here")
    assert town.points() == {}
