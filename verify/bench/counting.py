"""The work both consumer loops do: count events by key, and publish one event for each. One process runs one loop.

`python -m bench.counting chassis|bare` with DATABASE_URL, KAFKA_BOOTSTRAP and EVENTS; it prints events a second.
"""

import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import psycopg
from confluent_kafka import Consumer as BareConsumer
from confluent_kafka import Message, TopicPartition

from chassis import inbox, outbox, parked, positions
from chassis.consumer import Batch, Consumer
from chassis.database import Database, Transaction
from chassis.envelope import Event
from chassis.kafka import KafkaLog
from chassis.outbox import publish
from chassis.settings import ServiceSettings

TOPIC, TYPE, PARTITIONS = "bench.events", "counted", 24
BATCH = 500
PATIENCE_SECONDS = 30.0

LOAD = "SELECT key, n FROM tally WHERE key = ANY(%s::text[]) ORDER BY key FOR UPDATE"
SAVE = """
INSERT INTO tally (key, n) SELECT key, n FROM json_to_recordset(%s::json) AS new (key text, n int) ORDER BY key
ON CONFLICT (key) DO UPDATE SET n = excluded.n
"""


@dataclass(frozen=True, slots=True)
class Counted:
    """The event's data: about as much as an order's."""

    customer_id: str
    restaurant_id: str
    total: int


class Stopwatch:
    """From the first batch to the event that makes `wanted`."""

    def __init__(self, wanted: int) -> None:
        self.wanted = wanted
        self.seen = 0
        self._begin = 0.0
        self.rate = 0.0

    def start(self) -> None:
        """Called before each batch; the first one counts."""
        self._begin = self._begin or time.monotonic()

    def add(self, events: int) -> bool:
        """True when all are there."""
        self.seen += events
        self.rate = self.seen / (time.monotonic() - self._begin)
        return self.seen >= self.wanted


def by_chassis(database: str, bootstrap: str, watch: Stopwatch) -> None:
    """The library's consumer around a handler of load, decide, save."""
    settings = ServiceSettings(database_url=database, kafka_bootstrap=bootstrap)

    def handle(tx: Transaction, batch: Batch) -> None:
        watch.start()
        loaded = tx.execute(LOAD, ["{" + ",".join(batch.keys) + "}"])
        events = batch.events
        tally: dict[str, int] = dict(loaded.fetchall())
        for event in events:
            tally[event.key] = tally.get(event.key, 0) + 1
        save(tx, tally)
        publish(tx, [Event(TOPIC, event.key, TYPE, event.data) for event in events])
        batch.after_commit(lambda: consumer.stop() if watch.add(len(events)) else None)

    consumer = Consumer(
        name="bench",
        database=Database(database, "bench", 1),
        log=KafkaLog(settings, group=f"bench-{os.getpid()}"),
        topics=[TOPIC],
        reads={TYPE: Counted},
        handle=handle,
    )
    consumer.run()


def save(tx: Transaction, tally: dict[str, int]) -> None:
    """The counts, in one statement."""
    tx.execute(SAVE, [msgspec.json.encode([{"key": key, "n": n} for key, n in tally.items()]).decode()])


def by_bare_loop(database: str, bootstrap: str, watch: Stopwatch) -> None:
    """The same statements in a loop written for nothing else: no groups, no errors, no parking, no checks."""
    consumer = BareConsumer({"bootstrap.servers": bootstrap, "group.id": "bare", "enable.auto.commit": False})
    consumer.assign([TopicPartition(TOPIC, number, 0) for number in range(PARTITIONS)])
    next_: Counter[int] = Counter()
    with psycopg.connect(database) as db:
        done = False
        while not done:
            first = consumer.poll(PATIENCE_SECONDS)
            if first is None:
                raise TimeoutError("no more events")
            watch.start()
            done = watch.add(one_batch(db, next_, [first, *consumer.consume(BATCH - 1, 0)]))
    consumer.close()


decode = msgspec.json.Decoder(Counted).decode


def one_batch(db: Transaction, next_: Counter[int], messages: Sequence[Message]) -> int:
    """One transaction in pipeline mode; -> how many events it handled."""
    read = [(text(m.key()), header(m, "ce_id"), decode(m.value() or b"")) for m in messages]
    last = {m.partition() or 0: (m.offset() or 0) + 1 for m in messages}
    keys = sorted({key for key, _, _ in read})
    with db.pipeline():
        claimed = guards(db, next_, last, [event_id for _, event_id, _ in read], keys)
        loaded = db.execute(LOAD, ["{" + ",".join(keys) + "}"])
        new = {str(row[0]) for row in claimed.fetchall()}
        tally: dict[str, int] = dict(loaded.fetchall())
        handled = [(key, data) for key, event_id, data in read if event_id in new]
        for key, _ in handled:
            tally[key] = tally.get(key, 0) + 1
        save(db, tally)
        db.execute(outbox.INSERT, [outbox.rows([Event(TOPIC, key, TYPE, data) for key, data in handled])])
        db.commit()
    next_.update({partition: at - next_[partition] for partition, at in last.items()})
    return len(handled)


def guards(
    db: Transaction, next_: Counter[int], last: dict[int, int], ids: Sequence[str], keys: Sequence[str]
) -> psycopg.Cursor[tuple[Any, ...]]:
    """Position, claim and parked keys, as chassis asks for them; -> the claim's cursor."""
    moves = [{"topic": TOPIC, "partition": p, "expected": next_[p], "next": at} for p, at in sorted(last.items())]
    db.execute(positions.MOVE, [msgspec.json.encode(moves).decode()])
    claimed = db.execute(inbox.CLAIM, ["{" + ",".join(ids) + "}"])
    db.execute(parked.KEYS, ["bench", msgspec.json.encode(keys).decode()])
    return claimed


def header(message: Message, name: str) -> str:
    """One header as text."""
    pairs: Any = message.headers() or []
    return next(text(value) for key, value in pairs if key == name)


def text(value: object) -> str:
    """Bytes as text."""
    return value.decode() if isinstance(value, bytes) else str(value)


def main() -> None:
    """Run the loop that the command line names."""
    loops = {"chassis": by_chassis, "bare": by_bare_loop}
    watch = Stopwatch(int(os.environ["EVENTS"]))
    loops[sys.argv[1]](os.environ["DATABASE_URL"], os.environ["KAFKA_BOOTSTRAP"], watch)
    print(watch.rate)


if __name__ == "__main__":
    main()
