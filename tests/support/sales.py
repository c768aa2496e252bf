"""Rows written under load, and what must be said of the records they became: nothing lost, order per key kept."""

import json
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from uuid import UUID

import psycopg
from confluent_kafka import Consumer, TopicPartition

from chassis.envelope import Record, attributes, new_id
from chassis.kafka import QUIET, to_record
from ground.waiting import until
from tests.support.capture import Stack

TOPICS = ("orders.events", "orders.journal")
KEYS = 20

SELL = "INSERT INTO outbox (id, topic, type, key, payload) VALUES (%s, 'orders.events', 'sold', %s, %s)"
JOURNAL = "INSERT INTO journal (id, type, key, version, payload) VALUES (%s, 'sold', %s, %s, %s)"


@dataclass
class Till:
    """Sells on KEYS keys in turn, one event and one journal row a transaction; every tenth is rolled back."""

    stack: Stack
    name: str
    sold: list[UUID] = field(default_factory=list)
    undone: list[UUID] = field(default_factory=list)

    def sell(self, count: int = 1) -> None:
        """Commit `count` sales."""
        with psycopg.connect(self.stack.url("shop")) as db:
            for _ in range(count):
                self._one(db)

    @contextmanager
    def selling(self) -> Iterator[None]:
        """Sell in the background for the time of the block, about 200 a second."""
        done = threading.Event()

        def work() -> None:
            with psycopg.connect(self.stack.url("shop")) as db:
                while not done.wait(0.005):
                    self._one(db)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join(10)

    def _one(self, db: psycopg.Connection) -> None:
        number, event = len(self.sold), new_id()
        if number % 10 == 5 and len(self.undone) < number // 10 + 1:
            self._insert(db, number, undone := new_id())
            db.rollback()
            self.undone.append(undone)
        self._insert(db, number, event)
        db.commit()
        self.sold.append(event)

    def _insert(self, db: psycopg.Connection, number: int, event: UUID) -> None:
        key, payload = f"{self.name}-{number % KEYS}", json.dumps({"number": number})
        db.execute(SELL, [event, key, payload])
        db.execute(JOURNAL, [event, key, number // KEYS + 1, payload])


def assert_published(till: Till, seconds: float = 60) -> None:
    """Every sale comes out on both topics, none that was undone, and each key's in the order of selling."""
    logs = {topic: Follower(till.stack, topic) for topic in TOPICS}
    sold = set(till.sold)
    try:
        for topic, log in logs.items():
            until(lambda log=log: not sold - log.read().keys(), seconds, f"every sale on {topic}")  # type: ignore[misc]
            found = log.read()
            assert not found.keys() & set(till.undone), "a record of a transaction that was rolled back"
            _assert_in_order(till, found)
    finally:
        for log in logs.values():
            log.close()


def _assert_in_order(till: Till, found: dict[UUID, Record]) -> None:
    numbers: dict[bytes, list[int]] = defaultdict(list)
    mine = [record for event, record in found.items() if event in set(till.sold)]
    for record in mine:
        numbers[record.key or b""].append(json.loads(record.value or b"")["number"])
    for key, got in numbers.items():
        assert got == sorted(got), f"{key!r} came out of order: {got}"


class Follower:
    """One topic from its beginning, repeats dropped: a dict keeps each event where it first came."""

    def __init__(self, stack: Stack, topic: str) -> None:
        settings = {"bootstrap.servers": stack.kafka, "group.id": "unused", "enable.auto.commit": False}
        self._consumer = Consumer({**settings, **QUIET})
        partitions = self._consumer.list_topics(topic, timeout=10).topics[topic].partitions
        self._consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
        self._first: dict[UUID, Record] = {}
        self.repeats = 0

    def read(self) -> dict[UUID, Record]:
        """All that came so far, in the order of each partition."""
        first = self._consumer.poll(0.1)
        for message in [] if first is None else [first, *self._consumer.consume(5000, 0)]:
            record = to_record(message)
            event = UUID(attributes(record)["ce_id"])
            self.repeats += event in self._first
            self._first.setdefault(event, record)
        return self._first

    def close(self) -> None:
        with suppress(RuntimeError):
            self._consumer.close()
