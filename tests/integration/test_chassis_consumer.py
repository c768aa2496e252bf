"""The consumer loop on a real Postgres: every fault it must survive, and a control for each guard."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import psycopg
import pytest

from chassis import inbox, positions
from chassis.batch import Batch
from chassis.database import Database, Transaction
from chassis.envelope import Event, Record
from chassis.errors import Fatal, Poison, Transient
from chassis.kafka import Place
from chassis.testing import FakeBroker
from tests.support.counting import TOPIC, Counting, Happened, count, make_schema, running
from tests.support.waiting import until


@pytest.fixture
def counting(blank_database: str, tmp_path: Path) -> Counting:
    """The counting service in a database of its own."""
    return Counting(make_schema(blank_database, tmp_path))


@pytest.fixture
def broker() -> FakeBroker:
    """Three partitions."""
    return FakeBroker({TOPIC: 3})


def publish(broker: FakeBroker, key: str, *numbers: int, kind: str = "happened") -> list[Record]:
    """Append events of one key."""
    return [broker.publish(Event(TOPIC, key, kind, Happened(number)), "outside") for number in numbers]


def bad(broker: FakeBroker, key: str) -> Record:
    """Append an event of a known type with a body that is not its own."""
    return broker.publish(Event(TOPIC, key, "happened", {"number": "many"}), "outside")


def poison_when(number: int) -> Callable[[Transaction, Batch], None]:
    """A handler that calls one number poison."""

    def handle(tx: Transaction, batch: Batch) -> None:
        for event in batch.events:
            if event.data.number == number:
                raise Poison("not this one", event)
        count(tx, batch)

    return handle


def test_events_are_counted_in_order(counting: Counting, broker: FakeBroker) -> None:
    """Each key's events once, in order, with an outbox row each."""
    for number in range(20):
        publish(broker, "a", number)
        publish(broker, "b", number)
    with running(counting.consumer(broker.log("counting"))):
        until(lambda: sum(map(len, counting.seen().values())) == 40)
    assert counting.seen() == counting.published() == {"a": list(range(20)), "b": list(range(20))}


def test_repeats_have_no_effect(counting: Counting, broker: FakeBroker) -> None:
    """The same event again, in the same batch and in a later one, is a duplicate."""
    records = publish(broker, "a", 1, 2)
    broker.repeat(records[0])
    with running(counting.consumer(broker.log("counting"))):
        until(lambda: counting.seen() == {"a": [1, 2]})
        broker.repeat(records[1])
        publish(broker, "a", 3)
        until(lambda: 3 in counting.seen()["a"])
    assert counting.seen() == {"a": [1, 2, 3]}


def test_without_inbox_repeats_count(counting: Counting, broker: FakeBroker) -> None:
    """Control: with a claim that always succeeds the same run counts twice, so the test above can fail."""

    def everything(tx: Transaction, ids: object) -> object:
        return tx.execute("SELECT unnest(%s::uuid[])", ["{" + ",".join(map(str, ids)) + "}"])  # type: ignore[call-overload]

    records = publish(broker, "a", 1, 2)
    with mock.patch.object(inbox, "claim", everything), running(counting.consumer(broker.log("counting"))):
        until(lambda: counting.seen() == {"a": [1, 2]})
        broker.repeat(records[1])
        publish(broker, "a", 3)
        until(lambda: 3 in counting.seen()["a"])
    assert counting.seen() == {"a": [1, 2, 2, 3]}


def test_unknown_types_are_skipped(counting: Counting, broker: FakeBroker) -> None:
    """A type that is not read here moves the position and nothing else."""
    publish(broker, "a", 1, 2, kind="unheard_of")
    with running(counting.consumer(broker.log("counting"))):
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
def test_crash_in_batch_changes_nothing(counting: Counting, broker: FakeBroker, statement: int) -> None:
    """Killed at any line of the batch: no effect, no claim, no position; the next owner does it all."""
    publish(broker, "a", 1)
    with running(counting.consumer(broker.log("counting"), crash_at(statement))) as ends:
        until(lambda: ends)
    assert isinstance(ends[0], Crash)
    assert counting.seen() == {}
    assert counting.rows("SELECT 1 FROM inbox") == []
    assert counting.rows("SELECT max(next) FROM position") == [(0,)]
    with running(counting.consumer(broker.log("counting"))):
        until(lambda: counting.seen() == {"a": [1]})


def test_crash_after_commit_loses_nothing(counting: Counting, broker: FakeBroker) -> None:
    """Killed between the commit and Kafka's offset: the position went with the commit, nothing is done again."""

    def die(tx: Transaction, batch: Batch) -> None:
        count(tx, batch)
        batch.after_commit(mock.Mock(side_effect=Crash))

    publish(broker, "a", 1)
    with running(counting.consumer(broker.log("counting"), die)) as ends:
        until(lambda: ends)
    assert broker.committed == {}
    publish(broker, "a", 2)
    with running(counting.consumer(broker.log("counting"))):
        until(lambda: 2 in counting.seen()["a"])
    assert counting.seen() == {"a": [1, 2]}


def test_position_outside_the_transaction_is_caught(counting: Counting, broker: FakeBroker) -> None:
    """Control: a position moved by a transaction of its own loses the batch that crashes after it."""
    real = positions.move
    apart = Database(counting.url, "apart")

    def early(tx: Transaction, moves: list[positions.Move]) -> object:
        with apart.transaction() as other:
            real(other, moves).fetchall()
        return tx.execute("SELECT 1 FROM generate_series(1, %s)", [len(moves)])

    publish(broker, "a", 1)
    with mock.patch.object(positions, "move", early), running(counting.consumer(broker.log("c"), crash_at(1))) as ends:
        until(lambda: ends)
    apart.close()
    publish(broker, "a", 2)
    with running(counting.consumer(broker.log("counting"))):
        until(counting.seen)
    assert counting.seen() == {"a": [2]}, "event 1 is lost, as it must be without the guard"


def test_publish_outside_the_transaction_is_caught(counting: Counting, broker: FakeBroker) -> None:
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

    publish(broker, "a", 1)
    with running(counting.consumer(broker.log("counting"), handle)) as ends:
        until(lambda: ends)
    apart.close()
    with running(counting.consumer(broker.log("counting"))):
        until(counting.seen)
    assert counting.published() == {"a": [1, 1]}, "said twice, done once"
    assert counting.seen() == {"a": [1]}


def test_zombie_and_owner_share_no_effect(counting: Counting, broker: FakeBroker) -> None:
    """A frozen owner that wakes up after its partitions were given away finds the position moved, and follows."""
    held, release = threading.Event(), threading.Event()

    def freeze(tx: Transaction, batch: Batch) -> None:
        held.set()
        release.wait(10)
        count(tx, batch)

    publish(broker, "a", 1)
    log = broker.log("counting")
    with running(counting.consumer(log, freeze)):
        assert held.wait(10)
        broker.expel(log)
        with running(counting.consumer(broker.log("counting"))):
            publish(broker, "a", 2)
            until(lambda: counting.seen() or held.is_set())
            release.set()
            until(lambda: counting.seen() == {"a": [1, 2]})
            publish(broker, "a", 3)
            until(lambda: counting.seen() == {"a": [1, 2, 3]})
    assert counting.published() == {"a": [1, 2, 3]}


def test_partitions_change_hands_without_loss(counting: Counting, broker: FakeBroker) -> None:
    """Members join and leave while events flow."""
    keys = [f"k{n}" for n in range(12)]
    with running(counting.consumer(broker.log("counting"))):
        for number in range(5):
            [publish(broker, key, number) for key in keys]
        with running(counting.consumer(broker.log("counting")), counting.consumer(broker.log("counting"))):
            for number in range(5, 10):
                [publish(broker, key, number) for key in keys]
            until(lambda: sum(map(len, counting.seen().values())) > 80)
        for number in range(10, 15):
            [publish(broker, key, number) for key in keys]
        until(lambda: sum(map(len, counting.seen().values())) >= 180)
    assert counting.seen() == {key: list(range(15)) for key in keys}


def test_transient_trouble_is_waited_out(counting: Counting, broker: FakeBroker) -> None:
    """The batch is tried again in place, order kept; an error of the broker in between costs nothing."""
    tries = mock.Mock(side_effect=[Transient("first"), Transient("second"), None, None, None, None])

    def handle(tx: Transaction, batch: Batch) -> None:
        count(tx, batch)
        tries()

    publish(broker, "a", 1, 2)
    log = broker.log("counting")
    log.failures.append(Transient("broker away"))
    with running(counting.consumer(log, handle)):
        until(lambda: counting.seen() == {"a": [1, 2]})
    assert tries.call_count >= 3


def test_lost_connections_are_waited_out(counting: Counting, broker: FakeBroker, blank_database: str) -> None:
    """Sessions killed while events flow: nothing lost, nothing twice."""
    with running(counting.consumer(broker.log("counting"))):
        for number in range(30):
            publish(broker, "a", number)
            if number % 10 == 5:
                with psycopg.connect(blank_database, autocommit=True) as admin:
                    admin.execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                        " WHERE usename = 'counting' AND datname = current_database()"
                    )
        until(lambda: len(counting.seen().get("a", [])) == 30)
    assert counting.seen() == {"a": list(range(30))}


def test_poison_holds_its_key_only(counting: Counting, broker: FakeBroker) -> None:
    """The bad event is parked with its later ones behind it; other keys and passing types go on."""
    bad(broker, "a")
    publish(broker, "a", 2, 3)
    publish(broker, "b", 1)
    publish(broker, "a", 9, kind="urgent")
    with running(counting.consumer(broker.log("counting"), passes=frozenset({"urgent"}))):
        until(lambda: counting.seen() == {"b": [1], "a": [9]})
        publish(broker, "a", 4)
        until(lambda: len(counting.rows("SELECT 1 FROM parked")) == 4)
    assert [row[0] for row in counting.rows('SELECT state FROM parked ORDER BY "offset"')] == ["head"] + ["behind"] * 3


@pytest.mark.parametrize("error", [Poison, ValueError])
def test_handler_errors_are_isolated(counting: Counting, broker: FakeBroker, error: type[Exception]) -> None:
    """One event that the handler cannot do is parked, whether it says so or fails: the batch goes on without it."""

    def handle(tx: Transaction, batch: Batch) -> None:
        for event in batch.events:
            if event.data.number == 2:
                raise Poison("not this one", event) if error is Poison else ValueError("no")
        count(tx, batch)

    publish(broker, "a", 1, 2, 3)
    publish(broker, "b", 1)
    with running(counting.consumer(broker.log("counting"), handle)):
        until(lambda: len(counting.rows("SELECT 1 FROM parked")) == 2)
        until(lambda: counting.seen() == {"a": [1], "b": [1]})


def test_released_keys_are_drained_in_order(counting: Counting, broker: FakeBroker) -> None:
    """Released, the head and those behind it are handled in order, before live events of the key."""
    publish(broker, "a", 1, 2, 3)
    with running(counting.consumer(broker.log("counting"), poison_when(1))):
        until(lambda: len(counting.rows("SELECT 1 FROM parked")) == 3)
    with running(counting.consumer(broker.log("counting"))):
        publish(broker, "a", 4)
        until(lambda: len(counting.rows("SELECT 1 FROM parked")) == 4)
        with psycopg.connect(counting.url, autocommit=True) as db:
            db.execute("UPDATE parked SET state = 'released' WHERE state = 'head'")
        until(lambda: counting.seen() == {"a": [1, 2, 3, 4]})
        publish(broker, "a", 5)
        until(lambda: counting.seen() == {"a": [1, 2, 3, 4, 5]})
    assert counting.rows("SELECT 1 FROM parked") == []


def test_released_poison_is_parked_again(counting: Counting, broker: FakeBroker) -> None:
    """Still poison when released: it is the head again, with its tries counted; a discarded one lets the rest go."""
    publish(broker, "a", 1, 2)
    with running(counting.consumer(broker.log("counting"), poison_when(1))):
        until(lambda: len(counting.rows("SELECT 1 FROM parked")) == 2)
        with psycopg.connect(counting.url, autocommit=True) as db:
            db.execute("UPDATE parked SET state = 'released' WHERE state = 'head'")
        until(lambda: counting.rows("SELECT attempts FROM parked WHERE state = 'head'") == [(2,)])
        with psycopg.connect(counting.url, autocommit=True) as db:
            db.execute("UPDATE parked SET state = 'discarded' WHERE state = 'head'")
        until(lambda: counting.seen() == {"a": [2]})
    assert counting.rows("SELECT 1 FROM parked") == []


def test_parked_key_changes_hands(counting: Counting, broker: FakeBroker) -> None:
    """Park, rebalance, next event: the new owner keeps it behind the head."""
    publish(broker, "a", 1)
    with running(counting.consumer(broker.log("counting"), poison_when(1))):
        until(lambda: counting.rows("SELECT 1 FROM parked"))
    with running(counting.consumer(broker.log("counting"))):
        publish(broker, "a", 2)
        until(lambda: len(counting.rows("SELECT 1 FROM parked")) == 2)
    assert counting.seen() == {}


@pytest.mark.parametrize(
    ("value", "headers"),
    [(None, {}), (b"{", {}), (b"[" * 100_000, {}), (b"{}", {}), (b'{"number": 1}', {"ce_id": "no id"})],
    ids=["tombstone", "bad json", "deep nesting", "member missing", "bad id"],
)
def test_rubbish_is_parked(
    counting: Counting, broker: FakeBroker, value: bytes | None, headers: dict[str, str]
) -> None:
    """Whatever stands in a record of a known type: it is kept whole and its key waits."""
    envelope = {"ce_id": "01999999-0000-7000-8000-000000000001", "ce_source": "x", "ce_time": "2026-01-01T00:00:00Z"}
    broker.append(TOPIC, b"a", value, {**envelope, "ce_type": "happened", **headers})
    publish(broker, "b", 1)
    with running(counting.consumer(broker.log("counting"))):
        until(lambda: counting.seen() == {"b": [1]})
    assert counting.rows("SELECT key, state FROM parked") == [("a", "head")]


def test_rewound_position_replays_once(counting: Counting, broker: FakeBroker) -> None:
    """A person moves the position back: the log is read again, the inbox keeps the effects single."""
    publish(broker, "a", 1, 2, 3)
    with running(counting.consumer(broker.log("counting"))):
        until(lambda: counting.seen() == {"a": [1, 2, 3]})
        with psycopg.connect(counting.url, autocommit=True) as db:
            db.execute("UPDATE position SET next = 0")
        publish(broker, "a", 4, 5)
        until(lambda: 5 in counting.seen()["a"])
    assert counting.seen() == {"a": [1, 2, 3, 4, 5]}


def test_position_outside_the_log_is_refused(counting: Counting, broker: FakeBroker) -> None:
    """A position that the log does not reach is never guessed at: the process stops and says so."""
    publish(broker, "a", 1)
    with running(counting.consumer(broker.log("counting"))):
        until(counting.seen)
    with psycopg.connect(counting.url, autocommit=True) as db:
        db.execute("UPDATE position SET next = 1000")
    with running(counting.consumer(broker.log("counting"))) as ends:
        until(lambda: ends)
    assert isinstance(ends[0], Fatal)


def test_kafka_offsets_follow_positions(counting: Counting, broker: FakeBroker) -> None:
    """The group's committed offsets report how far the positions are."""
    (record,) = publish(broker, "a", 1)
    place = Place(TOPIC, record.partition)
    with running(counting.consumer(broker.log("counting"))):
        until(lambda: broker.committed.get(("counting", place)) == 1)


def test_oversize_events_are_refused_at_insert(counting: Counting, broker: FakeBroker) -> None:
    """A row too large for Kafka never reaches the outbox; the event that caused it is parked."""

    def handle(tx: Transaction, batch: Batch) -> None:
        for event in batch.events:
            tx.execute(
                "INSERT INTO outbox (id, topic, type, key, payload)"
                " VALUES (gen_random_uuid(), 'counted.events', 'counted', %s, repeat('x', 600000))",
                [event.key],
            )

    publish(broker, "a", 1)
    with running(counting.consumer(broker.log("counting"), handle)):
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
