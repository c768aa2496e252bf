"""Owners of different partitions and the search timer, all at once on a real Postgres: no deadlock, nothing torn."""

import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest

from chassis.database import Database
from chassis.errors import Transient
from delivery import handlers
from delivery.events import (
    READS,
    OrderCancelled,
    OrderDelivered,
    OrderPickedUp,
    PaymentCompleted,
    ShiftEnded,
    ShiftStarted,
)
from tests.support.batches import batch

SECONDS = 4.0
COURIERS = [f"c{n}" for n in range(6)]
OWNERS = 3  # of order partitions, and as many of courier partitions
Pair = tuple[str, Any]


@dataclass
class Rush:
    """Every owner commits batches of its own keys until the time is over."""

    url: str
    database: Database
    until: float = field(default_factory=lambda: time.monotonic() + SECONDS)
    commits: int = 0
    troubles: list[str] = field(default_factory=list)

    def patiently(self, work: Callable[[], None]) -> None:
        """As the consumer does: in transient trouble the same again."""
        while True:
            try:
                work()
            except Transient as error:
                self.troubles.append(str(error))
                threading.Event().wait(random.uniform(0.001, 0.01))
            else:
                self.commits += 1
                return

    def batch(self, pairs: list[Pair]) -> None:
        def work() -> None:
            with self.database.transaction() as tx:
                handlers.handle(tx, batch(READS, pairs), lambda: None)

        self.patiently(work)

    def orders(self, owner: int) -> None:
        """Orders live and end, picked up by whomever; each order's events come in order, batches mix orders."""
        dice, made = random.Random(owner), 0
        alive: dict[str, list[Any]] = {}
        while time.monotonic() < self.until or alive:
            while len(alive) < 8 and time.monotonic() < self.until:
                made += 1
                alive[f"o{owner}-{made}"] = self.life(dice)
            chosen = [dice.choice(sorted(alive)) for _ in range(dice.randrange(1, 6))]
            self.batch([(o, alive[o].pop(0)) for o in chosen if alive[o]])
            alive = {o: left for o, left in alive.items() if left}

    @staticmethod
    def life(dice: random.Random) -> list[Any]:
        picked_up = [OrderPickedUp(dice.choice(COURIERS))] if dice.random() < 0.5 else []
        return [PaymentCompleted(), *picked_up, dice.choice([OrderDelivered(), OrderCancelled("customer")])]

    def shifts(self, owner: int) -> None:
        """Couriers come and go, several in a batch."""
        dice, mine = random.Random(-owner - 1), COURIERS[owner::OWNERS]
        while time.monotonic() < self.until:
            self.batch([(dice.choice(mine), dice.choice([ShiftStarted(), ShiftEnded()])) for _ in range(3)])
        self.batch([(courier_id, ShiftStarted()) for courier_id in mine])

    def search(self) -> None:
        """The timer, without a pause."""
        while time.monotonic() < self.until:
            self.patiently(lambda: handlers.search(self.database))

    def look(self) -> None:
        """At any moment: what couriers carry is what jobs say, and nobody who left has an order assigned."""
        while time.monotonic() < self.until:
            assert self.ask(TORN) == []
            assert self.ask(LEFT_ALONE) == []

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url) as db:
            return db.execute(query.encode()).fetchall()


CARRIED = """
SELECT courier_id, unnest(order_id || others) AS order_id FROM delivery.courier WHERE order_id IS NOT NULL
"""
TORN = f"""
SELECT * FROM ({CARRIED}) AS carried
FULL JOIN (SELECT courier_id, order_id FROM delivery.job WHERE courier_id IS NOT NULL) AS job
  USING (courier_id, order_id)
WHERE carried.* IS NULL OR job.* IS NULL
"""
LEFT_ALONE = """
SELECT * FROM delivery.job JOIN delivery.courier USING (courier_id) WHERE state = 'ASSIGNED' AND NOT on_shift
"""


@pytest.fixture
def rush(service_database: Callable[..., str]) -> Iterator[Rush]:
    """Everybody is on shift."""
    one = Rush(service_database("postgres"), Database(service_database("delivery"), "test", size=2 * OWNERS + 1))
    one.batch([(courier_id, ShiftStarted()) for courier_id in COURIERS])
    yield one
    one.database.close()


def test_owners_meet_without_deadlock(rush: Rush) -> None:
    """Batches of orders, of shifts and the search for seconds: no deadlock, and at every moment one truth."""
    with ThreadPoolExecutor(2 * OWNERS + 2) as all_of_them:
        runs = [all_of_them.submit(rush.orders, owner) for owner in range(OWNERS)]
        runs += [all_of_them.submit(rush.shifts, owner) for owner in range(OWNERS)]
        runs += [all_of_them.submit(rush.search), all_of_them.submit(rush.look)]
        for one in runs:
            one.result(60)
    assert not [trouble for trouble in rush.troubles if "Deadlock" in trouble or "timeout" in trouble]
    assert rush.ask("SELECT count(*) FROM delivery.job WHERE state <> 'CLOSED'") == [(0,)]
    assert rush.ask("SELECT count(*) FROM delivery.courier WHERE order_id IS NOT NULL") == [(0,)]
    told = defaultdict(list)
    for order_id, n in rush.ask("SELECT key, (payload::json->>'n')::int FROM delivery.outbox ORDER BY seq"):
        told[order_id].append(n)
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in told.values())
    assert {order_id: len(numbers) for order_id, numbers in told.items()} == dict(
        rush.ask("SELECT order_id, n FROM delivery.job WHERE n > 0")
    )
    assert max(map(len, told.values())) > 1, "nobody left before pick-up: the test shows nothing"
