"""delivery through the consumer: broker in memory, Postgres real."""

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from chassis.consumer import Consumer
from chassis.database import Database
from chassis.envelope import Event, Record
from chassis.testing import FakeBroker
from delivery.__main__ import build
from delivery.events import (
    COURIERS,
    ORDERS,
    READS,
    OrderCancelled,
    OrderDelivered,
    OrderPickedUp,
    PaymentCompleted,
    ShiftEnded,
    ShiftStarted,
)
from ground.waiting import until
from tests.support.counting import running


class Town:
    """A broker, the service's database, and what can be seen of it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.broker = FakeBroker({ORDERS: 4, COURIERS: 2})
        self.database = Database(url, "test")

    def consumer(self) -> Consumer:
        """The service, not started."""
        return build(self.database, self.broker.log("delivery"))

    def say(self, key: str, data: Any) -> Record:
        """Publish an event of another service."""
        name = next(name for name, shape in READS.items() if isinstance(data, shape))
        topic = COURIERS if name.startswith("shift_") else ORDERS
        return self.broker.publish(Event(topic, key, name, data), "elsewhere")

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """Look from outside."""
        with psycopg.connect(self.url) as db:
            return db.execute(query.encode()).fetchall()

    def states(self) -> dict[str, str]:
        """Order → state."""
        return dict(self.ask("SELECT order_id, state FROM job"))

    def assigned(self) -> list[tuple[str, str]]:
        """(order, courier), as published."""
        return [tuple(row) for row in self.ask("SELECT key, payload::json->>'courier_id' FROM outbox ORDER BY seq")]


@pytest.fixture
def town(service_database: Callable[..., str]) -> Iterator[Town]:
    """Nobody on shift yet."""
    one = Town(service_database("delivery"))
    yield one
    one.database.close()


def test_shift_pay_assign(town: Town) -> None:
    """A courier on shift, a paid order: one assignment."""
    with running(town.consumer()):
        town.say("c1", ShiftStarted())
        until(lambda: town.ask("SELECT 1 FROM courier WHERE on_shift"))
        town.say("o1", PaymentCompleted())
        until(lambda: town.assigned() == [("o1", "c1")])


def test_repeats_assign_once(town: Town) -> None:
    """The same payment three times by CDC: one courier, one event."""
    with running(town.consumer()):
        town.say("c1", ShiftStarted())
        town.say("c2", ShiftStarted())
        until(lambda: town.ask("SELECT count(*) FROM courier") == [(2,)])
        record = town.say("o1", PaymentCompleted())
        town.broker.repeat(record)
        until(lambda: town.states() == {"o1": "ASSIGNED"})
        town.broker.repeat(record)
        town.say("o2", PaymentCompleted())
        until(lambda: town.states().get("o2") == "ASSIGNED")
    assert sorted(order for order, _ in town.assigned()) == ["o1", "o2"]


def test_cancelled_before_paid(town: Town) -> None:
    """The payment that was on its way takes no courier."""
    with running(town.consumer()):
        town.say("c1", ShiftStarted())
        town.say("o1", OrderCancelled("customer"))
        town.say("o1", PaymentCompleted())
        town.say("o2", PaymentCompleted())
        until(lambda: town.states() == {"o1": "CLOSED", "o2": "ASSIGNED"})
    assert town.assigned() == [("o2", "c1")]


def test_waiting_order_gets_the_freed_courier(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """At once after the commit that freed the courier: the scan's period does not matter."""
    monkeypatch.setattr("delivery.handlers.SCAN_SECONDS", 3600.0)
    with running(town.consumer()):
        town.say("c1", ShiftStarted())
        until(lambda: town.ask("SELECT 1 FROM courier WHERE on_shift"))
        town.say("o1", PaymentCompleted())
        until(lambda: town.states() == {"o1": "ASSIGNED"})
        town.say("o2", PaymentCompleted())
        until(lambda: town.states().get("o2") == "SEARCHING")
        town.say("o1", OrderDelivered())
        until(lambda: town.states() == {"o1": "CLOSED", "o2": "ASSIGNED"})


def test_courier_leaves_before_pick_up(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next one has the order at once; the first, who had it in hand already, brings it; both are free after it."""
    monkeypatch.setattr("delivery.handlers.SCAN_SECONDS", 3600.0)
    with running(town.consumer()):
        town.say("c1", ShiftStarted())
        until(lambda: town.ask("SELECT 1 FROM courier WHERE on_shift"))
        town.say("o1", PaymentCompleted())
        until(lambda: town.assigned() == [("o1", "c1")])
        town.say("c1", ShiftEnded())
        until(lambda: town.states() == {"o1": "SEARCHING"})
        town.say("c2", ShiftStarted())
        until(lambda: town.assigned() == [("o1", "c1"), ("o1", "c2")])
        town.broker.repeat(town.say("o1", OrderPickedUp("c1")))
        until(lambda: town.ask("SELECT courier_id FROM job WHERE state = 'PICKED_UP'") == [("c1",)])
        town.say("o2", PaymentCompleted())
        until(lambda: town.assigned()[2:] == [("o2", "c2")])
        for order_id in ("o1", "o2"):
            town.say(order_id, OrderDelivered())
        until(lambda: town.states() == {"o1": "CLOSED", "o2": "CLOSED"})
    assert town.ask("SELECT count(*) FROM courier WHERE order_id IS NOT NULL") == [(0,)]


def test_scan_is_the_net(town: Town) -> None:
    """A courier freed by somebody else (no poke here) is found by the scan."""
    with running(town.consumer()):
        town.say("o1", PaymentCompleted())
        until(lambda: town.states() == {"o1": "SEARCHING"})
        with psycopg.connect(town.url) as db:
            db.execute("INSERT INTO courier (courier_id, on_shift) VALUES ('c9', true)")
        until(lambda: town.assigned() == [("o1", "c9")])


def test_every_order_is_served_in_a_rush(town: Town) -> None:
    """200 orders, 3 couriers, every event twice: each order has one courier, and all couriers are free in the end."""
    orders = [f"o{n}" for n in range(200)]
    with running(town.consumer()) as ends:
        for courier in ("c1", "c2", "c3"):
            town.say(courier, ShiftStarted())
        for order_id in orders:
            town.broker.repeat(town.say(order_id, PaymentCompleted()))
        done: set[str] = set()

        def deliver() -> bool:
            for order_id, _ in town.assigned():
                if order_id not in done:
                    done.add(order_id)
                    town.broker.repeat(town.say(order_id, OrderDelivered()))
            return len(done) == len(orders)

        until(deliver, seconds=60)
        until(lambda: set(town.states().values()) == {"CLOSED"})
    assert ends == []
    assert len(town.assigned()) == len(orders)
    assert town.ask("SELECT count(*) FROM courier WHERE order_id IS NOT NULL") == [(0,)]
