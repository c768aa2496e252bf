"""The cap on new heads: counted in the database, over processes; and batches that are full of poison."""

from __future__ import annotations

import psycopg
import pytest

from chassis import cap
from chassis.batch import Batch
from chassis.cap import Cap, TooMany
from chassis.consumer import BATCH
from chassis.database import Database, Transaction
from chassis.envelope import new_id
from chassis.errors import Poison
from chassis.handling import WHOLE_TRIES
from chassis.telemetry import metrics
from ground.waiting import until
from tests.support.counting import Counting, bad, count, decide, happen, poison_when, running
from tests.support.worlds import FakeWorld, World

THREE = Cap(heads=3, seconds=10)
HEADS = """
INSERT INTO parked (consumer, topic, partition, "offset", key, raw, error, state, attempts, at)
SELECT %s, 'counted.events', 0, coalesce((SELECT max("offset") FROM parked), 0) + n, n, '{}', '', %s, %s,
  now() - %s * interval '1 second'
FROM generate_series(1, %s) AS n
"""


def heads(counting: Counting, new: int, *, consumer: str = "counting", ago: float = 0, attempts: int = 1) -> None:
    """So many parked, so long ago."""
    with psycopg.connect(counting.url, autocommit=True) as db:
        db.execute(HEADS, [consumer, "head", attempts, ago, new])


def refuses(counting: Counting, wanted: Cap = THREE) -> bool:
    """Whether a batch that parks is too much now."""
    database = Database(counting.url, "test", 1)
    counting.databases.append(database)
    try:
        with database.transaction() as tx:
            cap.check(tx, "counting", wanted)
    except TooMany:
        return True
    return False


def test_as_many_as_the_cap_pass(counting: Counting) -> None:
    """The cap itself is allowed, in one batch or in several; one more is not."""
    heads(counting, 3)
    assert not refuses(counting)
    heads(counting, 1)
    assert refuses(counting)


def test_only_new_heads_count(counting: Counting) -> None:
    """Not those of before the window, nor released events that failed again, nor another consumer's."""
    heads(counting, 9, ago=11)
    heads(counting, 9, attempts=2)
    heads(counting, 9, consumer="another")
    heads(counting, 3)
    decide(counting, "released", "1")  # every first one
    heads(counting, 1)
    assert not refuses(counting)


def test_lifted_cap_comes_back(counting: Counting) -> None:
    """For one window after a person's word everything passes, and never counts; then it is as before."""
    heads(counting, 9, ago=6)
    counting.rows("INSERT INTO stopped (consumer, reason, resumed) VALUES ('counting', '', now()) RETURNING 1")
    assert not refuses(counting)
    counting.rows("UPDATE stopped SET resumed = now() - interval '15 seconds' RETURNING 1")
    heads(counting, 3)
    assert not refuses(counting)
    heads(counting, 1)
    assert refuses(counting)


def test_reason_says_what_it_looks_like(counting: Counting) -> None:
    """A person reads it in /ready."""
    heads(counting, 4)
    database = Database(counting.url, "test", 1)
    counting.databases.append(database)
    said = r"more than 3 events in 10 s .* a fault of this program, not of the data"
    with pytest.raises(TooMany, match=said), database.transaction() as tx:
        cap.check(tx, "counting", THREE)


def test_successor_goes_on_with_the_count(counting: Counting, fake: FakeWorld) -> None:
    """A process that ends and comes back within the window does not park as many once more."""
    for number in range(3):
        bad(fake, f"k{number}")
    with running(counting.consumer(fake.log())):
        until(lambda: len(counting.parked()) == 3)
    bad(fake, "later")
    consumer = counting.consumer(fake.log())
    consumer.limit(Cap(heads=3, seconds=600))
    with running(consumer):
        until(lambda: "stopped" in (consumer.ready() or ""))
    assert len(counting.parked()) == 3


def test_fetch_full_of_poison_is_over_soon(counting: Counting, fake: FakeWorld) -> None:
    """A few tries with all of it, then one by one up to the cap: it stands still, alive, and a person sees why."""
    sizes, beats = [], set()

    def handle(_: Transaction, batch: Batch) -> None:
        sizes.append(len(batch.events))
        beats.add(consumer._beat)
        for event in batch.events:
            raise Poison("there is no such order", event)

    for number in range(BATCH):
        happen(fake, f"k{number}", 1)
    consumer = counting.consumer(fake.log(), handle)
    with running(consumer):
        until(lambda: "stopped" in (consumer.ready() or ""))
    assert len(counting.parked()) == Cap().heads
    assert sum(size > 1 for size in sizes) == WHOLE_TRIES
    assert len(sizes) <= 2 * (Cap().heads + 1)
    assert len(beats) >= Cap().heads


def test_stop_is_heard_between_two_tries(counting: Counting, fake: FakeWorld) -> None:
    """Whatever is left of the fetch is not handled, and not skipped."""
    tries: list[int] = []

    def handle(tx: Transaction, batch: Batch) -> None:
        tries.append(len(batch.events))
        if len(tries) == 3:
            consumer.stop()
        for event in batch.events:
            raise Poison("not this one", event)
        count(tx, batch)

    for number in range(20):
        happen(fake, f"k{number}", 1)
    consumer = counting.consumer(fake.log(), handle)
    with running(consumer) as ends:
        until(lambda: len(tries) >= 3)
    assert (len(tries), ends, counting.parked()) == (3, [], [])
    with running(counting.consumer(fake.log())):
        until(lambda: len(counting.seen()) == 20)


def test_cap_stops_the_consumer(counting: Counting, world: World) -> None:
    """A fault that is not the data's: nothing more is parked or skipped, the process lives and says what to do."""
    for number in range(8):
        happen(world, f"k{number}", 1)
    broken = counting.consumer(world.log(), poison_when(1))
    broken.limit(Cap(heads=5, seconds=60))
    with running(broken) as ends:
        until(lambda: broken.ready() is not None and "stopped" in broken.ready())  # type: ignore[operator]
        happen(world, "later", 1)
        until(lambda: metrics.consumer_stopped.labels("counting")._value.get() == 1)
        assert broken.alive()
        assert "demae parked" in str(broken.ready())
        until(lambda: counting.rows("SELECT consumer FROM stopped WHERE seen > since") == [("counting",)])
    assert ends == []
    assert counting.seen() == {}
    assert len(counting.parked()) <= 5
    with running(counting.consumer(world.log())):
        decide_all(counting)
        until(lambda: sum(map(len, counting.seen().values())) == 9)
    assert counting.seen() == {"later": [1], **{f"k{number}": [1] for number in range(8)}}


def decide_all(counting: Counting) -> None:
    """Release every head."""
    counting.rows("UPDATE parked SET state = 'released', who = 'ann', decided = now() RETURNING 1")


def test_person_lets_it_go_on(counting: Counting, world: World) -> None:
    """Resumed without a restart: it goes on where it stood and parks what there is; one word is good for one window."""
    for number in range(8):
        bad(world, f"k{number}")
    happen(world, "a", 1)
    consumer = counting.consumer(world.log())
    consumer.limit(Cap(heads=0, seconds=2))
    with running(consumer):
        until(lambda: counting.rows("SELECT 1 FROM stopped WHERE seen > since"))
        assert counting.parked() == []
        counting.rows("UPDATE stopped SET resumed = clock_timestamp(), who = 'ann' RETURNING 1")
        until(lambda: len(counting.parked()) == 8 and counting.seen() == {"a": [1]})
        assert consumer.ready() is None
        until(lambda: bad(world, f"later {new_id()}") and consumer.ready() is not None, 5)


def test_old_heads_do_not_count(counting: Counting, fake: FakeWorld) -> None:
    """Released events that fail again, and heads of before the window, stop nobody."""
    consumer = counting.consumer(fake.log(), poison_when(1))
    consumer.limit(Cap(heads=2, seconds=0.2))
    with running(consumer):
        for number in range(6):
            happen(fake, f"k{number}", 1)
            until(lambda number=number: len(counting.parked()) == number + 1)  # type: ignore[misc]
            decide(counting, "released", f"k{number}")
            until(
                lambda number=number: (
                    counting.rows(  # type: ignore[misc]
                        f"SELECT attempts FROM parked WHERE key = 'k{number}' AND state = 'head'"
                    )
                    == [(2,)]
                )
            )
        assert consumer.ready() is None
