"""delivery's transactions on a real Postgres: what two of them do to each other."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from chassis.database import Database, Transaction
from chassis.errors import Transient
from delivery import handlers, store
from delivery.desk import Desk
from delivery.domain import RetryDue
from delivery.events import (
    READS,
    OrderCancelled,
    OrderDelivered,
    OrderPickedUp,
    PaymentCompleted,
    ShiftEnded,
    ShiftStarted,
)
from ground.waiting import until
from tests.support.batches import batch

PAID, CANCELLED = PaymentCompleted(), OrderCancelled("customer")
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


class Delivery:
    """The service's handlers on a database of this test."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.database = Database(url, "test", size=4)
        self.pokes = 0

    def handle(self, tx: Transaction, *pairs: tuple[str, Any]) -> None:
        """Fold a batch in a transaction of the caller."""
        one = batch(READS, pairs)
        handlers.handle(tx, one, lambda: None)
        self.pokes += len(one.callbacks)

    def run(self, *pairs: tuple[str, Any]) -> None:
        """Fold a batch and commit."""
        with self.database.transaction() as tx:
            self.handle(tx, *pairs)

    def search(self) -> None:
        """The timer."""
        handlers.search(self.database)

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """Look from outside."""
        with psycopg.connect(self.url) as db:
            return db.execute(query.encode()).fetchall()

    def jobs(self) -> dict[str, tuple[str, str | None, int]]:
        """Order → (state, courier, n)."""
        return {row[0]: row[1:] for row in self.ask("SELECT order_id, state, courier_id, n FROM job")}

    def couriers(self) -> dict[str, tuple[bool, str | None]]:
        """Courier → (on shift, order)."""
        return {row[0]: row[1:] for row in self.ask("SELECT courier_id, on_shift, order_id FROM courier")}

    def assigned(self) -> list[tuple[str, str]]:
        """(order, courier) of every delivery_assigned, as published."""
        return [tuple(row) for row in self.ask("SELECT key, payload::json->>'courier_id' FROM outbox ORDER BY seq")]

    def numbers(self, order_id: str) -> list[int]:
        """The `n` of an order's assignments, as published."""
        rows = self.ask("SELECT key, (payload::json->>'n')::int FROM outbox ORDER BY seq")
        return [n for key, n in rows if key == order_id]


@pytest.fixture
def delivery(service_database: Callable[..., str]) -> Iterator[Delivery]:
    """Two couriers on shift: c1 is first in line."""
    one = Delivery(service_database("delivery"))
    one.run(("c1", ShiftStarted()), ("c2", ShiftStarted()))
    yield one
    one.database.close()


def test_paid_order_gets_a_courier(delivery: Delivery) -> None:
    """State and event stand in the same commit."""
    delivery.run(("o1", PAID))
    assert delivery.jobs() == {"o1": ("ASSIGNED", "c1", 1)}
    assert delivery.couriers()["c1"] == (True, "o1")
    assert delivery.assigned() == [("o1", "c1")]


def test_rolled_back_batch_leaves_nothing(delivery: Delivery) -> None:
    """A batch that fails before its commit takes no courier and says nothing."""
    with pytest.raises(RuntimeError), delivery.database.transaction() as tx:
        delivery.handle(tx, ("o1", PAID))
        raise RuntimeError("killed here")
    assert (delivery.jobs(), delivery.assigned()) == ({}, [])
    assert delivery.couriers()["c1"] == (True, None)


def test_least_recently_used_first(delivery: Delivery) -> None:
    """Who carried last goes to the end of the line."""
    for order_id in ("o1", "o2", "o3"):
        delivery.run((order_id, PAID))
        delivery.run((order_id, OrderDelivered()))
    assert [courier for _, courier in delivery.assigned()] == ["c1", "c2", "c1"]


def test_race_for_the_last_courier(delivery: Delivery) -> None:
    """The second batch does not wait for the first: its order searches, and gets the courier who is left."""
    delivery.run(("c2", ShiftEnded()))
    with delivery.database.transaction() as first:
        delivery.handle(first, ("o1", PAID))
        first.execute("SELECT 1").fetchone()
        delivery.run(("o2", PAID))
        assert delivery.jobs() == {"o2": ("SEARCHING", None, 0)}
    delivery.search()
    assert delivery.jobs() == {"o1": ("ASSIGNED", "c1", 1), "o2": ("SEARCHING", None, 0)}
    delivery.run(("o1", OrderDelivered()))
    delivery.search()
    assert delivery.jobs()["o2"] == ("ASSIGNED", "c1", 1)


def test_no_more_couriers_locked_than_needed(delivery: Delivery) -> None:
    """One order takes one lock: the other courier is there for the batch beside it."""
    with delivery.database.transaction() as first:
        delivery.handle(first, ("o1", PAID))
        first.execute("SELECT 1").fetchone()
        delivery.run(("o2", PAID))
    assert sorted(delivery.assigned()) == [("o1", "c1"), ("o2", "c2")]


def race(delivery: Delivery, held: tuple[str, Any], waiting: tuple[str, Any]) -> None:
    """Two batches on one order: the second starts before the first commits, and waits for it."""
    with ThreadPoolExecutor(1) as other:
        with delivery.database.transaction() as first:
            delivery.handle(first, held)
            first.execute("SELECT 1").fetchone()
            second = other.submit(delivery.run, waiting)
            until(lambda: delivery.ask(WAITING) == [(1,)] or second.done(), what="the second batch waits")
        second.result(10)


def test_race_on_a_known_order(delivery: Delivery) -> None:
    """The end of an order waits for the row, then sees the courier who was assigned meanwhile, and lets that one go."""
    delivery.run(("c1", ShiftEnded()), ("c2", ShiftEnded()), ("o1", PAID), ("c1", ShiftStarted()))
    with ThreadPoolExecutor(1) as other:
        with delivery.database.transaction() as first:
            waiting = store.lock_searching(first, 1)
            assert list(waiting) == ["o1"]
            second = other.submit(delivery.run, ("o1", CANCELLED))
            until(lambda: delivery.ask(WAITING) == [(1,)], what="the cancellation waits")
            desk = Desk(waiting, {})
            desk.offer(store.lock_free(first, 1))
            desk.order("o1", RetryDue())
            handlers.save(first, desk, [])
        second.result(10)
    assert delivery.jobs() == {"o1": ("CLOSED", None, 1)}
    assert delivery.couriers()["c1"] == (True, None)


def test_race_on_a_new_order(delivery: Delivery) -> None:
    """Two owners meet on an order neither has seen: the later one fails and reads again, it overwrites nothing."""
    with pytest.raises(psycopg.errors.UniqueViolation):
        race(delivery, held=("o1", PAID), waiting=("o1", CANCELLED))
    delivery.run(("o1", CANCELLED))
    assert delivery.jobs() == {"o1": ("CLOSED", None, 1)}
    assert delivery.couriers()["c1"] == (True, None)


def test_cancelled_before_paid_is_remembered(delivery: Delivery) -> None:
    """An order never seen leaves a CLOSED row, and the payment on its way finds it."""
    delivery.run(("o1", CANCELLED))
    delivery.run(("o1", PAID))
    assert delivery.jobs() == {"o1": ("CLOSED", None, 0)}
    assert delivery.assigned() == []


def test_courier_freed_once(delivery: Delivery) -> None:
    """The second end of an order does not take the courier from the order that came after."""
    delivery.run(("c2", ShiftEnded()))
    delivery.run(("o1", PAID))
    delivery.run(("o1", CANCELLED))
    delivery.run(("o2", PAID))
    delivery.run(("o1", OrderDelivered()), ("o1", CANCELLED))
    assert delivery.couriers()["c1"] == (True, "o2")


def test_search_serves_the_longest_wait(delivery: Delivery) -> None:
    """Orders get couriers in the order in which they began to wait."""
    delivery.run(("c1", ShiftEnded()), ("c2", ShiftEnded()))
    for order_id in ("o3", "o1", "o2"):
        delivery.run((order_id, PAID))
    delivery.run(("c2", ShiftStarted()), ("c1", ShiftStarted()))
    delivery.search()
    assert [order for order, _ in delivery.assigned()] == ["o3", "o1"]
    assert delivery.jobs()["o2"][0] == "SEARCHING"


def test_closed_order_is_searched_for_no_more(delivery: Delivery) -> None:
    """A cancelled order leaves the queue."""
    delivery.run(("c1", ShiftEnded()), ("c2", ShiftEnded()), ("o1", PAID))
    delivery.run(("o1", CANCELLED), ("c1", ShiftStarted()))
    delivery.search()
    assert delivery.assigned() == []


def test_ended_shift_keeps_what_was_picked_up(delivery: Delivery) -> None:
    """The courier brings the order to its end, and is given no other."""
    delivery.run(("c2", ShiftEnded()), ("o1", PAID))
    delivery.run(("o1", OrderPickedUp("c1")))
    delivery.run(("c1", ShiftEnded()), ("o2", PAID))
    assert delivery.jobs() == {"o1": ("PICKED_UP", "c1", 1), "o2": ("SEARCHING", None, 0)}
    delivery.run(("o1", OrderDelivered()))
    assert delivery.couriers()["c1"] == (False, None)


def test_ended_shift_before_pick_up(delivery: Delivery) -> None:
    """The order goes to the next courier in the same commit, or searches, and is never given back to who leaves."""
    delivery.run(("o1", PAID))
    delivery.run(("c1", ShiftEnded()))
    assert delivery.jobs() == {"o1": ("ASSIGNED", "c2", 2)}
    delivery.run(("c2", ShiftEnded()))
    assert delivery.jobs() == {"o1": ("SEARCHING", None, 2)}
    delivery.search()
    delivery.run(("c1", ShiftStarted()))
    delivery.search()
    assert delivery.assigned() == [("o1", "c1"), ("o1", "c2"), ("o1", "c1")]
    assert delivery.numbers("o1") == [1, 2, 3]


def test_ended_and_started_again(delivery: Delivery) -> None:
    """Both in one batch: the order was let go, and goes to whoever is free, the same courier perhaps."""
    delivery.run(("c2", ShiftEnded()), ("o1", PAID))
    delivery.run(("c1", ShiftEnded()), ("c1", ShiftStarted()))
    assert delivery.jobs() == {"o1": ("SEARCHING", None, 1)}
    delivery.search()
    assert delivery.jobs() == {"o1": ("ASSIGNED", "c1", 2)}


def test_late_pick_up_by_the_former_courier(delivery: Delivery) -> None:
    """The order is in the hands of who has it; the courier assigned meanwhile is let go."""
    delivery.run(("o1", PAID))
    delivery.run(("c1", ShiftEnded()))
    delivery.run(("o1", OrderPickedUp("c1")))
    assert delivery.jobs() == {"o1": ("PICKED_UP", "c1", 2)}
    assert delivery.couriers() == {"c1": (False, "o1"), "c2": (True, None)}
    delivery.run(("c1", ShiftStarted()), ("o2", PAID), ("o3", PAID))
    assert delivery.jobs()["o3"] == ("SEARCHING", None, 0)
    delivery.run(("o1", OrderDelivered()))
    delivery.search()
    assert delivery.jobs()["o3"] == ("ASSIGNED", "c1", 1)


def test_two_orders_in_one_hand(delivery: Delivery) -> None:
    """Who picks up the former order beside the present one is free when both have ended."""
    delivery.run(("c2", ShiftEnded()), ("o1", PAID))
    delivery.run(("c1", ShiftEnded()), ("c2", ShiftStarted()))
    delivery.search()
    delivery.run(("c1", ShiftStarted()), ("o2", PAID))
    delivery.run(("o1", OrderPickedUp("c1")))
    assert delivery.jobs() == {"o1": ("PICKED_UP", "c1", 2), "o2": ("ASSIGNED", "c1", 1)}
    for order_id in ("o2", "o1"):
        assert delivery.couriers()["c1"][1] is not None
        delivery.run((order_id, OrderDelivered()))
    assert delivery.couriers() == {"c1": (True, None), "c2": (True, None)}


def test_given_away_while_waiting(delivery: Delivery) -> None:
    """Two owners meet: the shift's end waits for the courier's row, finds a new order there, and is tried again."""
    with ThreadPoolExecutor(1) as other:
        with delivery.database.transaction() as first:
            delivery.handle(first, ("o1", PAID))
            first.execute("SELECT 1").fetchone()
            second = other.submit(delivery.run, ("c1", ShiftEnded()))
            until(lambda: delivery.ask(WAITING) == [(1,)], what="the shift's end waits")
        with pytest.raises(Transient, match="meanwhile"):
            second.result(10)
    assert delivery.jobs() == {"o1": ("ASSIGNED", "c1", 1)}
    delivery.run(("c1", ShiftEnded()))
    assert delivery.jobs() == {"o1": ("ASSIGNED", "c2", 2)}


def test_stranger_is_not_waited_for(delivery: Delivery) -> None:
    """A pick-up by who was let go needs a row out of the order of locks: held by others, the batch is tried again."""
    delivery.run(("o1", PAID))
    delivery.run(("c1", ShiftEnded()))
    with delivery.database.transaction() as first:
        delivery.handle(first, ("c1", ShiftStarted()))
        first.execute("SELECT 1").fetchone()
        with pytest.raises(Transient):
            delivery.run(("o1", OrderPickedUp("c1")))
    delivery.run(("o1", OrderPickedUp("c1")))
    assert delivery.couriers() == {"c1": (True, "o1"), "c2": (True, None)}


def test_courier_nobody_knows(delivery: Delivery) -> None:
    """The log says who has the food, also when it is somebody whose shift was never read."""
    delivery.run(("o1", PAID))
    delivery.run(("o1", OrderPickedUp("c9")))
    assert delivery.couriers() == {"c1": (True, None), "c2": (True, None), "c9": (False, "o1")}


def test_facts_belong_to_the_orders_trace(delivery: Delivery) -> None:
    """What the search says, and what a shift's end makes true, carries the trace that the order began with."""
    one = batch(READS, [("o1", PAID)], traceparent="00-order")
    with delivery.database.transaction() as tx:
        handlers.handle(tx, one, lambda: None)
    for left in ("c1", "c2"):
        delivery.run((left, ShiftEnded()))
    delivery.run(("c1", ShiftStarted()))
    delivery.search()
    assert delivery.ask("SELECT traceparent FROM outbox") == [("00-order",)] * 3


def test_poke_when_an_order_waits(delivery: Delivery) -> None:
    """A freed courier wakes the search if somebody waits, and costs nothing if nobody does."""
    delivery.run(("o1", PAID), ("o2", PAID))
    delivery.run(("o1", OrderDelivered()))
    before = delivery.pokes
    delivery.run(("o3", PAID), ("o4", PAID))
    assert delivery.pokes == before
    delivery.run(("o2", OrderDelivered()))
    assert delivery.pokes == before + 1


def test_only_its_own_events(delivery: Delivery) -> None:
    """The schema refuses to say what is not delivery's to say."""
    insert = "INSERT INTO outbox (id, topic, type, key, payload{c}) VALUES (gen_random_uuid(), {v})"
    foreign = insert.format(c="", v="'orders.events', 'order_accepted', 'o1', '{}'")
    posing = insert.format(c=", source", v="'orders.events', 'delivery_assigned', 'o1', '{}', 'api'")
    for statement in (foreign, posing):
        with psycopg.connect(delivery.url) as db, pytest.raises(psycopg.errors.CheckViolation):
            db.execute(statement.encode())
