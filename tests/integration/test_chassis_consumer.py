"""The consumer loop on a real Postgres: every fault it must survive, and a control for each guard."""

from __future__ import annotations

import threading
from collections.abc import Callable
from unittest import mock

import psycopg
import pytest

from chassis import inbox, positions
from chassis.batch import Batch
from chassis.database import Database, Transaction
from chassis.errors import Fatal, Poison, Transient
from chassis.kafka import Place
from ground.waiting import until
from tests.support.counting import Counting, bad, count, decide, happen, poison_when, running
from tests.support.databases import TestServer
from tests.support.worlds import FakeWorld, World, repeat


def test_events_are_counted_in_order(counting: Counting, world: World) -> None:
    """Each key's events once, in order, with an outbox row each."""
    for number in range(20):
        happen(world, "a", number)
        happen(world, "b", number)
    with running(counting.consumer(world.log())):
        until(lambda: sum(map(len, counting.seen().values())) == 40)
    assert counting.seen() == counting.published() == {"a": list(range(20)), "b": list(range(20))}


def test_repeats_have_no_effect(counting: Counting, world: World) -> None:
    """The same event again, in the same batch and in a later one, is a duplicate."""
    records = happen(world, "a", 1, 2)
    repeat(world, records[0])
    with running(counting.consumer(world.log())):
        until(lambda: counting.seen() == {"a": [1, 2]})
        repeat(world, records[1])
        happen(world, "a", 3)
        until(lambda: 3 in counting.seen()["a"])
    assert counting.seen() == {"a": [1, 2, 3]}


def test_without_inbox_repeats_count(counting: Counting, world: World) -> None:
    """Control: with a claim that always succeeds the same run counts twice, so the test above can fail."""

    def everything(tx: Transaction, ids: object) -> object:
        return tx.execute("SELECT unnest(%s::uuid[])", ["{" + ",".join(map(str, ids)) + "}"])  # type: ignore[call-overload]

    records = happen(world, "a", 1, 2)
    with mock.patch.object(inbox, "claim", everything), running(counting.consumer(world.log())):
        until(lambda: counting.seen() == {"a": [1, 2]})
        repeat(world, records[1])
        happen(world, "a", 3)
        until(lambda: 3 in counting.seen()["a"])
    assert counting.seen() == {"a": [1, 2, 2, 3]}


def test_unknown_types_are_skipped(counting: Counting, world: World) -> None:
    """A type that is not read here moves the position and nothing else."""
    happen(world, "a", 1, 2, kind="unheard_of")
    with running(counting.consumer(world.log())):
        until(lambda: ("2",) in counting.rows("SELECT max(next)::text FROM position"))
    assert counting.seen() == {}
    assert counting.rows("SELECT 1 FROM parked") == []


class Crash(BaseException):
    """Ends the consumer where it stands, as kill -9 would: no handler of errors sees it."""


def crash_at(statement: int) -> Callable[[Transaction, Batch], None]:
    """A handler that dies at its n-th statement; statement 3 is after the last."""

    def handle(tx: Transaction, batch: Batch) -> None:
        events = batch.events
        if statement == 0:
            raise Crash
        tx.execute("INSERT INTO seen (key, number) VALUES (%s, %s)", [events[0].key, events[0].data.number])
        if statement == 1:
            raise Crash
        tx.execute("INSERT INTO seen (key, number) SELECT 'never', 1 WHERE false")
        raise Crash

    return handle


@pytest.mark.parametrize("statement", [0, 1, 2])
def test_crash_in_batch_changes_nothing(counting: Counting, world: World, statement: int) -> None:
    """Killed at any line of the batch: no effect, no claim, no position; the next owner does it all."""
    happen(world, "a", 1)
    with running(counting.consumer(world.log(), crash_at(statement))) as ends:
        until(lambda: ends)
    assert isinstance(ends[0], Crash)
    assert counting.seen() == {}
    assert counting.rows("SELECT 1 FROM inbox") == []
    assert counting.rows("SELECT max(next) FROM position") == [(0,)]
    with running(counting.consumer(world.log())):
        until(lambda: counting.seen() == {"a": [1]})


def test_crash_after_commit_loses_nothing(counting: Counting, world: World) -> None:
    """Killed between the commit and Kafka's offset: the position went with the commit, nothing is done again."""

    def die(tx: Transaction, batch: Batch) -> None:
        count(tx, batch)
        batch.after_commit(mock.Mock(side_effect=Crash))

    happen(world, "a", 1)
    with running(counting.consumer(world.log(), die)) as ends:
        until(lambda: ends)

    happen(world, "a", 2)
    with running(counting.consumer(world.log())):
        until(lambda: 2 in counting.seen()["a"])
    assert counting.seen() == {"a": [1, 2]}


def test_position_outside_the_transaction_is_caught(counting: Counting, world: World) -> None:
    """Control: a position moved by a transaction of its own loses the batch that crashes after it."""
    real = positions.move
    apart = Database(counting.url, "apart")

    def early(tx: Transaction, moves: list[positions.Move]) -> object:
        with apart.transaction() as other:
            real(other, moves).fetchall()
        return tx.execute("SELECT 1 FROM generate_series(1, %s)", [len(moves)])

    happen(world, "a", 1)
    with mock.patch.object(positions, "move", early), running(counting.consumer(world.log(), crash_at(1))) as ends:
        until(lambda: ends)
    apart.close()
    happen(world, "a", 2)
    with running(counting.consumer(world.log())):
        until(counting.seen)
    assert counting.seen() == {"a": [2]}, "event 1 is lost, as it must be without the guard"


def test_publish_outside_the_transaction_is_caught(counting: Counting, world: World) -> None:
    """Control: an event published by a connection of its own is said although its effect never was."""
    apart = Database(counting.url, "apart")

    def handle(tx: Transaction, batch: Batch) -> None:
        _ = batch.events
        with apart.transaction() as other:
            other.execute(
                "INSERT INTO outbox (id, topic, type, key, payload)"
                " VALUES (gen_random_uuid(), 'counted.events', 'counted', 'a', '{\"number\": 1}')"
            )
        raise Crash

    happen(world, "a", 1)
    with running(counting.consumer(world.log(), handle)) as ends:
        until(lambda: ends)
    apart.close()
    with running(counting.consumer(world.log())):
        until(counting.seen)
    assert counting.published() == {"a": [1, 1]}, "said twice, done once"
    assert counting.seen() == {"a": [1]}


def test_zombie_and_owner_share_no_effect(counting: Counting, fake: FakeWorld) -> None:
    """A frozen owner that wakes up after its partitions were given away finds the position moved, and follows."""
    held, release = threading.Event(), threading.Event()

    def freeze(tx: Transaction, batch: Batch) -> None:
        held.set()
        release.wait(10)
        count(tx, batch)

    happen(fake, "a", 1)
    log = fake.broker.log("counting")
    with running(counting.consumer(log, freeze)):
        assert held.wait(10)
        fake.broker.expel(log)
        with running(counting.consumer(fake.broker.log("counting"))):
            happen(fake, "a", 2)
            until(lambda: counting.seen() or held.is_set())
            release.set()
            until(lambda: counting.seen() == {"a": [1, 2]})
            happen(fake, "a", 3)
            until(lambda: counting.seen() == {"a": [1, 2, 3]})
    assert counting.published() == {"a": [1, 2, 3]}


def test_partitions_change_hands_without_loss(counting: Counting, world: World) -> None:
    """Members join and leave while events flow."""
    keys = [f"k{n}" for n in range(12)]
    with running(counting.consumer(world.log())):
        for number in range(5):
            [happen(world, key, number) for key in keys]
        with running(counting.consumer(world.log()), counting.consumer(world.log())):
            for number in range(5, 10):
                [happen(world, key, number) for key in keys]
            until(lambda: sum(map(len, counting.seen().values())) > 80)
        for number in range(10, 15):
            [happen(world, key, number) for key in keys]
        until(lambda: sum(map(len, counting.seen().values())) >= 180)
    assert counting.seen() == {key: list(range(15)) for key in keys}


def test_transient_trouble_is_waited_out(counting: Counting, fake: FakeWorld) -> None:
    """The batch is tried again in place, order kept; an error of the broker in between costs nothing."""
    tries = mock.Mock(side_effect=[Transient("first"), Transient("second"), None, None, None, None])

    def handle(tx: Transaction, batch: Batch) -> None:
        count(tx, batch)
        tries()

    happen(fake, "a", 1, 2)
    log = fake.broker.log("counting")
    log.failures.append(Transient("broker away"))
    with running(counting.consumer(log, handle)):
        until(lambda: counting.seen() == {"a": [1, 2]})
    assert tries.call_count >= 3


def test_lost_connections_are_waited_out(counting: Counting, world: World, postgres: TestServer) -> None:
    """Sessions killed while events flow: nothing lost, nothing twice."""
    with running(counting.consumer(world.log())):
        for number in range(30):
            happen(world, "a", number)
            if number % 10 == 5:
                with psycopg.connect(postgres.url(), autocommit=True) as admin:
                    admin.execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                        " WHERE usename = 'counting' AND datname = %s",
                        [counting.url.rsplit("/", 1)[1]],
                    )
        until(lambda: len(counting.seen().get("a", [])) == 30)
    assert counting.seen() == {"a": list(range(30))}


def test_poison_holds_its_key_only(counting: Counting, world: World) -> None:
    """The bad event is parked with its later ones behind it; other keys and passing types go on."""
    bad(world, "a")
    happen(world, "a", 2, 3)
    happen(world, "b", 1)
    happen(world, "a", 9, kind="urgent")
    with running(counting.consumer(world.log(), passes=frozenset({"urgent"}))):
        until(lambda: counting.seen() == {"b": [1], "a": [9]})
        happen(world, "a", 4)
        until(lambda: len(counting.rows("SELECT 1 FROM parked")) == 4)
    assert [row[0] for row in counting.rows('SELECT state FROM parked ORDER BY "offset"')] == ["head"] + ["behind"] * 3


@pytest.mark.parametrize("error", [Poison, ValueError])
def test_handler_errors_are_isolated(counting: Counting, world: World, error: type[Exception]) -> None:
    """One event that the handler cannot do is parked, whether it says so or fails: the batch goes on without it."""

    def handle(tx: Transaction, batch: Batch) -> None:
        for event in batch.events:
            if event.data.number == 2:
                raise Poison("not this one", event) if error is Poison else ValueError("no")
        count(tx, batch)

    happen(world, "a", 1, 2, 3)
    happen(world, "b", 1)
    with running(counting.consumer(world.log(), handle)):
        until(lambda: len(counting.rows("SELECT 1 FROM parked")) == 2)
        until(lambda: counting.seen() == {"a": [1], "b": [1]})


def test_lone_event_fails_twice_before_it_is_parked(counting: Counting, fake: FakeWorld) -> None:
    """What failed by meeting another transaction succeeds at the next try, also where there is no batch to blame."""
    failures = mock.Mock(side_effect=[psycopg.errors.UniqueViolation, None, ValueError, ValueError, None])

    def handle(tx: Transaction, batch: Batch) -> None:
        if batch.events:
            failures()
        count(tx, batch)

    with running(counting.consumer(fake.log(), handle)):
        happen(fake, "a", 1)
        until(lambda: counting.seen() == {"a": [1]})
        happen(fake, "b", 1)
        until(lambda: counting.parked() == [("b", "head")])


def test_innocent_that_fails_alone_once_is_not_parked(counting: Counting, fake: FakeWorld) -> None:
    """A failed batch is no try of its events: what is tried alone then may still meet another transaction."""
    met = mock.Mock(side_effect=[psycopg.errors.UniqueViolation, None])

    def handle(tx: Transaction, batch: Batch) -> None:
        keys = [event.key for event in batch.events]
        if "bad" in keys:
            raise ValueError
        if keys == ["innocent"]:
            met()
        count(tx, batch)

    happen(fake, "innocent", 1)
    happen(fake, "bad", 1)
    with running(counting.consumer(fake.log(), handle)):
        until(lambda: counting.parked() == [("bad", "head")])
        until(lambda: counting.seen() == {"innocent": [1]})
    assert counting.parked() == [("bad", "head")]


def test_released_keys_are_drained_in_order(counting: Counting, world: World) -> None:
    """Released, the head and those behind it are handled in order, before live events of the key."""
    happen(world, "a", 1, 2, 3)
    with running(counting.consumer(world.log(), poison_when(1))):
        until(lambda: len(counting.rows("SELECT 1 FROM parked")) == 3)
    with running(counting.consumer(world.log())):
        happen(world, "a", 4)
        until(lambda: len(counting.rows("SELECT 1 FROM parked")) == 4)
        decide(counting, "released")
        until(lambda: counting.seen() == {"a": [1, 2, 3, 4]})
        happen(world, "a", 5)
        until(lambda: counting.seen() == {"a": [1, 2, 3, 4, 5]})
    assert counting.rows("SELECT 1 FROM parked") == []


def test_released_poison_is_parked_again(counting: Counting, world: World) -> None:
    """Still poison when released: it is the head again, with its tries counted; a discarded one lets the rest go."""
    happen(world, "a", 1, 2)
    with running(counting.consumer(world.log(), poison_when(1))):
        until(lambda: len(counting.rows("SELECT 1 FROM parked")) == 2)
        decide(counting, "released")
        until(lambda: counting.rows("SELECT attempts FROM parked WHERE state = 'head'") == [(2,)])
        decide(counting, "discarded")
        until(lambda: counting.seen() == {"a": [2]})
    assert counting.rows("SELECT 1 FROM parked") == []


def test_parked_key_changes_hands(counting: Counting, world: World) -> None:
    """Park, rebalance, next event: the new owner keeps it behind the head."""
    happen(world, "a", 1)
    with running(counting.consumer(world.log(), poison_when(1))):
        until(lambda: counting.rows("SELECT 1 FROM parked"))
    with running(counting.consumer(world.log())):
        happen(world, "a", 2)
        until(lambda: len(counting.rows("SELECT 1 FROM parked")) == 2)
    assert counting.seen() == {}


@pytest.mark.parametrize(
    ("value", "headers"),
    [(None, {}), (b"{", {}), (b"[" * 100_000, {}), (b"{}", {}), (b'{"number": 1}', {"ce_id": "no id"})],
    ids=["tombstone", "bad json", "deep nesting", "member missing", "bad id"],
)
def test_rubbish_is_parked(counting: Counting, world: World, value: bytes | None, headers: dict[str, str]) -> None:
    """Whatever stands in a record of a known type: it is kept whole and its key waits."""
    envelope = {"ce_id": "01999999-0000-7000-8000-000000000001", "ce_source": "x", "ce_time": "2026-01-01T00:00:00Z"}
    world.append(b"a", value, {**envelope, "ce_type": "happened", **headers})
    happen(world, "b", 1)
    with running(counting.consumer(world.log())):
        until(lambda: counting.seen() == {"b": [1]})
        until(lambda: counting.rows("SELECT key, state FROM parked") == [("a", "head")])


@pytest.mark.parametrize("key", [b"a\x00b", bytes(range(1, 256)) * 48], ids=["nul", "long"])
def test_keys_that_no_table_holds_are_parked(counting: Counting, world: World, key: bytes) -> None:
    """A key is data too: one that Postgres cannot store or index stops nobody else."""
    happen(world, "b", 1)
    envelope = {"ce_id": "01999999-0000-7000-8000-000000000001", "ce_source": "x", "ce_time": "2026-01-01T00:00:00Z"}
    world.append(key, b'{"number": 1}', {**envelope, "ce_type": "happened"})
    happen(world, "b", 2)
    with running(counting.consumer(world.log())):
        until(lambda: counting.seen() == {"b": [1, 2]})
        until(lambda: counting.rows("SELECT state FROM parked") == [("head",)])


def test_place_that_comes_back_is_read(counting: Counting, world: World) -> None:
    """Given away while this member waited out trouble, and back when the trouble is over: it is not paused any more."""
    trouble = threading.Event()

    def handle(tx: Transaction, batch: Batch) -> None:
        if trouble.is_set():
            raise Transient("away")
        count(tx, batch)

    keys = [f"k{n}" for n in range(9)]
    with running(counting.consumer(world.log(), handle)):
        [happen(world, key, 0) for key in keys]
        until(lambda: len(counting.seen()) == 9)
        trouble.set()
        [happen(world, key, 1) for key in keys]
        with running(counting.consumer(world.log())):
            until(lambda: sum(map(len, counting.seen().values())) > 9, 20)
            trouble.clear()
            until(lambda: sum(map(len, counting.seen().values())) == 18, 20)
        [happen(world, key, 2) for key in keys]
        until(lambda: sum(map(len, counting.seen().values())) == 27, 20)
    assert counting.seen() == {key: [0, 1, 2] for key in keys}


@pytest.mark.parametrize("limit", ["transaction_timeout", "statement_timeout"])
def test_limits_of_the_role_are_trouble(counting: Counting, limit: str) -> None:
    """A transaction that met a limit is right again later: it parks nothing and ends nobody."""
    database = Database(f"{counting.url}?options=-c%20{limit}%3D50ms", "limits")
    with pytest.raises(Transient), database.transaction() as tx:
        tx.execute("SELECT pg_sleep(2)").fetchone()
    database.close()


def test_rewound_position_replays_once(counting: Counting, world: World) -> None:
    """A person moves the position back: the log is read again, the inbox keeps the effects single."""
    happen(world, "a", 1, 2, 3)
    with running(counting.consumer(world.log())):
        until(lambda: counting.seen() == {"a": [1, 2, 3]})
        with psycopg.connect(counting.url, autocommit=True) as db:
            db.execute("UPDATE position SET next = 0")
        happen(world, "a", 4, 5)
        until(lambda: 5 in counting.seen()["a"])
    assert counting.seen() == {"a": [1, 2, 3, 4, 5]}


@pytest.mark.parametrize("offset", [0, None], ids=["rewound", "expired"])
def test_group_offsets_do_nothing(counting: Counting, fake: FakeWorld, offset: int | None) -> None:
    """Kafka's own offsets are for lag only: wrong or gone, the reader goes on at its position."""
    (record, *_) = happen(fake, "a", 1, 2, 3)
    place = Place(fake.topic, record.partition)
    with running(counting.consumer(fake.log())):
        until(lambda: fake.committed(place) == 3)
    fake.meddle(place, offset)
    counting.rows("DELETE FROM inbox RETURNING 1")  # the position alone must hold
    happen(fake, "a", 4)
    with running(counting.consumer(fake.log())):
        until(lambda: 4 in counting.seen()["a"])
    assert counting.seen() == {"a": [1, 2, 3, 4]}


def test_position_outside_the_log_is_refused(counting: Counting, world: World) -> None:
    """A position that the log does not reach is never guessed at: the process stops and says so."""
    happen(world, "a", 1)
    with running(counting.consumer(world.log())):
        until(counting.seen)
    with psycopg.connect(counting.url, autocommit=True) as db:
        db.execute("UPDATE position SET next = 1000")
    with running(counting.consumer(world.log())) as ends:
        until(lambda: ends)
    assert isinstance(ends[0], Fatal)


@pytest.mark.parametrize("forgetful", [True, False])
def test_expired_position(counting: Counting, fake: FakeWorld, forgetful: bool) -> None:
    """Records that expired unread are a loss, and refused; in a topic declared forgetful the rest is read."""
    (record, *_) = happen(fake, "a", 1, 2)
    with running(counting.consumer(fake.log())):
        until(lambda: counting.seen() == {"a": [1, 2]})
    happen(fake, "a", 3, 4)
    fake.broker.expire(Place(fake.topic, record.partition), 3)
    topics = frozenset({fake.topic}) if forgetful else frozenset()
    with running(counting.consumer(fake.log(), forgetful=topics)) as ends:
        until(lambda: ends or counting.seen() == {"a": [1, 2, 4]})
    assert [type(end) for end in ends] == ([] if forgetful else [Fatal])


def test_kafka_offsets_follow_positions(counting: Counting, world: World) -> None:
    """The group's committed offsets report how far the positions are."""
    (record,) = happen(world, "a", 1)
    place = Place(world.topic, record.partition)
    with running(counting.consumer(world.log())):
        until(lambda: world.committed(place) == 1)


def test_oversize_events_are_refused_at_insert(counting: Counting, world: World) -> None:
    """A row too large for Kafka never reaches the outbox; the event that caused it is parked."""

    def handle(tx: Transaction, batch: Batch) -> None:
        for event in batch.events:
            tx.execute(
                "INSERT INTO outbox (id, topic, type, key, payload)"
                " VALUES (gen_random_uuid(), 'counted.events', 'counted', %s, repeat('x', 600000))",
                [event.key],
            )

    happen(world, "a", 1)
    with running(counting.consumer(world.log(), handle)):
        until(lambda: counting.rows("SELECT state FROM parked") == [("head",)])
    assert counting.published() == {}


@pytest.mark.parametrize(("column", "value"), [("source", "'payment'"), ("type", "'lied'"), ("topic", "'other'")])
def test_outbox_refuses_foreign_words(counting: Counting, column: str, value: str) -> None:
    """No service can speak as another, in a topic or with a type that is not its own."""
    values = {
        "id": "gen_random_uuid()",
        "topic": "'counted.events'",
        "type": "'counted'",
        "key": "'a'",
        "payload": "'{}'",
    }
    values[column] = value
    statement = f"INSERT INTO outbox ({', '.join(values)}) VALUES ({', '.join(values.values())})"
    with psycopg.connect(counting.url) as db, pytest.raises(psycopg.errors.CheckViolation):
        db.execute(statement.encode())
