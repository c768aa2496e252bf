"""Released and discarded keys on a real Postgres: in order, before live events, by the partition's owner, each once."""

from __future__ import annotations

import threading
from unittest import mock

import psycopg
import pytest

from chassis import parked
from chassis.batch import Batch
from chassis.database import Database, Transaction
from chassis.drain import Drain
from chassis.envelope import Reader
from chassis.errors import Transient
from chassis.kafka import Place
from ground.waiting import until
from tests.support.counting import READS, Counting, bad, count, decide, happen, poison_when, running
from tests.support.worlds import FakeWorld, World


def park(counting: Counting, world: World, *numbers: int, key: str = "a") -> None:
    """Have these events set aside: the first cannot be handled."""
    happen(world, key, *numbers)
    with running(counting.consumer(world.log(), poison_when(numbers[0]))):
        until(lambda: len(counting.rows(f"SELECT 1 FROM parked WHERE key = '{key}'")) == len(numbers))


def test_live_events_wait_their_turn(counting: Counting, world: World) -> None:
    """Released while events of the key go on coming, some fetched already: all are counted in the log's order."""
    park(counting, world, *range(1, 30))

    def slowly(tx: Transaction, batch: Batch) -> None:
        count(tx, batch)
        happen(world, "a", *(100 + event.data.number for event in batch.events if event.data.number < 30))

    with running(counting.consumer(world.log(), slowly)):
        decide(counting, "released")
        until(lambda: len(counting.seen().get("a", [])) == 58, 30)
    assert counting.seen() == {"a": [*range(1, 30), *range(101, 130)]}
    assert counting.parked() == []


def test_others_go_on_while_a_key_drains(counting: Counting, fake: FakeWorld) -> None:
    """A long tail of parked events has its turns between live ones of other keys, not before them."""
    park(counting, fake, *range(1, 101))
    behind_then: list[int] = []

    def handle(tx: Transaction, batch: Batch) -> None:
        count(tx, batch)
        if batch.keys == ["a"]:
            threading.Event().wait(0.02)  # so long takes each of them
        else:
            behind_then.append(len(counting.parked()))

    with running(counting.consumer(fake.log(), handle)):
        decide(counting, "released")
        until(counting.seen)
        happen(fake, "b", 1)
        until(lambda: len(counting.seen().get("a", [])) == 100, 30)
    assert counting.seen() == {"a": list(range(1, 101)), "b": [1]}
    assert behind_then[0] > 20


def test_crash_while_draining_changes_nothing(counting: Counting, world: World) -> None:
    """Killed before the commit, the event is neither handled nor gone: the next owner handles it, once."""
    park(counting, world, 1, 2)

    class Crash(BaseException):
        """As kill -9."""

    def die(tx: Transaction, batch: Batch) -> None:
        count(tx, batch)
        raise Crash

    with running(counting.consumer(world.log(), die)) as ends:
        decide(counting, "released")
        until(lambda: ends)
    assert counting.seen() == {}
    assert counting.parked() == [("a", "released"), ("a", "behind")]
    with running(counting.consumer(world.log())):
        until(lambda: counting.seen() == {"a": [1, 2]})


def test_trouble_while_draining_is_waited_out(counting: Counting, fake: FakeWorld) -> None:
    """A database away is not the event's fault: no try is counted, it stays released."""
    park(counting, fake, 1, 2)
    tries = mock.Mock(side_effect=[Transient("away"), Transient("away"), None, None])

    def handle(tx: Transaction, batch: Batch) -> None:
        count(tx, batch)
        attempts.extend(counting.rows("SELECT max(attempts) FROM parked"))
        tries()

    attempts: list[object] = []
    with running(counting.consumer(fake.log(), handle)):
        decide(counting, "released")
        until(lambda: counting.seen() == {"a": [1, 2]})
    assert attempts == [(1,), (1,), (1,), (0,)]


def test_discards_are_kept_with_their_decision(counting: Counting, world: World) -> None:
    """The event itself, why it was set aside, who discarded it and why; those behind it go on."""
    record = bad(world, "a")
    happen(world, "a", 2, 3)
    with running(counting.consumer(world.log())):
        until(lambda: len(counting.parked()) == 3)
        decide(counting, "discarded")
        until(lambda: counting.seen() == {"a": [2, 3]})
    ((raw, *kept),) = counting.rows('SELECT raw, "offset", key, who, why, attempts, error FROM discarded')
    assert parked.from_raw(Place(world.topic, record.partition), record.offset, raw) == record  # type: ignore[arg-type]
    assert kept[:5] == [record.offset, "a", "ann", "so be it", 1]
    assert "Expected `int`" in str(kept[5])
    assert counting.parked() == []


@pytest.mark.parametrize("missing", ["who", "why"])
def test_nobody_discards_in_secret(counting: Counting, fake: FakeWorld, missing: str) -> None:
    """The table takes no discard without a name and a reason, whoever writes it."""
    park(counting, fake, 1)
    values = {"who": "ann", "why": "no", missing: ""}
    with psycopg.connect(counting.url) as db, pytest.raises(psycopg.errors.CheckViolation):
        db.execute("UPDATE parked SET state = 'discarded', who = %(who)s, why = %(why)s, decided = now()", values)


def test_next_bad_event_is_the_next_head(counting: Counting, world: World) -> None:
    """One behind that cannot be handled either waits for a person itself, tried once; the order of the rest stays."""
    happen(world, "a", 1, 2, 3, 4)
    with running(counting.consumer(world.log(), poison_when(1, 3))):
        until(lambda: len(counting.parked()) == 4)
        decide(counting, "discarded")
        until(lambda: counting.parked() == [("a", "head"), ("a", "behind")])
        assert counting.rows("SELECT attempts FROM parked ORDER BY attempts") == [(0,), (1,)]
        happen(world, "a", 5)
        until(lambda: len(counting.parked()) == 3)
        decide(counting, "discarded")
        until(lambda: counting.seen() == {"a": [2, 4, 5]})


def test_type_no_longer_read_says_so(counting: Counting, fake: FakeWorld) -> None:
    """A repaired release may have given up the type: the parked event stays, and its reason is plain."""
    park(counting, fake, 1)
    with running(counting.consumer(fake.log(), reads={"urgent": READS["urgent"]})):
        decide(counting, "released")
        until(lambda: counting.rows("SELECT error FROM parked") == [("type happened is not read here",)])
    assert counting.rows("SELECT state, attempts, who FROM parked") == [("head", 2, "ann")]


def test_many_ready_keys_all_drain(counting: Counting, world: World) -> None:
    """More than one look finds, shared by two members: each drains its own places, nobody waits for another's."""
    keys = [f"k{number}" for number in range(250)]
    for key in keys:
        bad(world, key)
        happen(world, key, 2)
    with running(counting.consumer(world.log())):
        # 250 keys at once are more than the cap: let them.
        until(lambda: counting.rows("SELECT 1 FROM stopped") or len(counting.parked()) == 500, 20)
        counting.rows("UPDATE stopped SET resumed = clock_timestamp() RETURNING 1")
        until(lambda: len(counting.parked()) == 500, 20)
    with running(counting.consumer(world.log()), counting.consumer(world.log())):
        counting.rows(
            "UPDATE parked SET state = 'discarded', who = 'ann', why = 'no', decided = now()"
            " WHERE state = 'head' RETURNING 1"
        )
        until(lambda: counting.parked() == [], 30)
    assert counting.seen() == {key: [2] for key in keys}


def test_ready_keys_are_those_of_the_places(counting: Counting, fake: FakeWorld) -> None:
    """What others own does not crowd out what is ours, however much it is."""
    park(counting, fake, 1)
    decide(counting, "released")
    ((partition,),) = counting.rows("SELECT partition FROM parked")
    own, other = Place(fake.topic, int(str(partition))), Place(fake.topic, 99)
    database = Database(counting.url, "looking")
    with database.transaction() as tx:
        assert parked.ready_keys(tx, "counting", [own, other]) == [(own, "a")]
        assert parked.ready_keys(tx, "counting", [other]) == []
    database.close()


def test_zombie_drains_nothing(counting: Counting, fake: FakeWorld) -> None:
    """Who has not the position that the table says is not the owner: the key stays as it is."""
    park(counting, fake, 1)
    decide(counting, "released")
    ((partition, position),) = counting.rows("SELECT partition, next FROM position WHERE next > 0")
    place, database = Place(fake.topic, int(str(partition))), Database(counting.url, "zombie")
    drain = Drain("counting", Reader(READS), count)
    assert not drain.step(database, place, "a", int(str(position)) + 1)
    assert counting.parked() == [("a", "released")]
    assert drain.step(database, place, "a", int(str(position)))
    assert counting.seen() == {"a": [1]}
    database.close()
