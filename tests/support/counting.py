"""A service with one rule: count each event of a key. What is lost or handled twice shows in a number."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from chassis.batch import Batch
from chassis.consumer import Consumer, Timer
from chassis.database import Database, Transaction
from chassis.envelope import Event, Reads, Record
from chassis.errors import Poison
from chassis.kafka import Log
from chassis.migrate import migrate
from chassis.outbox import publish
from tests.support import worlds
from tests.support.worlds import World

TOPIC = "counted.events"

MIGRATION = """
ALTER TABLE outbox ALTER source SET DEFAULT 'counting', ADD CONSTRAINT outbox_source CHECK (source = 'counting'),
  ADD CONSTRAINT outbox_type CHECK ((topic, type) IN (('counted.events', 'counted')));
CREATE TABLE seen (place bigint GENERATED ALWAYS AS IDENTITY, key text NOT NULL, number int NOT NULL);
"""


@dataclass(frozen=True)
class Happened:
    """The event that is counted."""

    number: int


@dataclass(frozen=True)
class Counted:
    """The event that is published for each."""

    number: int


def make_schema(admin_url: str, folder: Path) -> str:
    """Migrate an empty database for the service; -> the URL of its role."""
    (folder / "counting" / "migrations").mkdir(parents=True)
    (folder / "counting" / "migrations" / "0001_count.sql").write_text(MIGRATION)
    migrate(admin_url, folder, {"*": "test"})
    rest = admin_url.split("@", 1)[1]
    return f"postgresql://counting:test@{rest}"


def count(tx: Transaction, batch: Batch) -> None:
    """The handler: a row and an event for each, in one transaction. It guards against nothing itself."""
    for event in batch.events:
        tx.execute("INSERT INTO seen (key, number) VALUES (%s, %s)", [event.key, event.data.number])
    publish(tx, [Event(TOPIC, e.key, "counted", Counted(e.data.number)) for e in batch.events])


READS: Reads = {"happened": Happened, "urgent": Happened}


@dataclass
class Counting:
    """The service's database, and what was counted in it."""

    url: str
    topic: str = TOPIC
    databases: list[Database] = field(default_factory=list)

    def consumer(  # noqa: PLR0917
        self,
        log: Log,
        handle: Callable[[Transaction, Batch], None] = count,
        timers: Sequence[Timer] = (),
        passes: frozenset[str] = frozenset(),
        forgetful: frozenset[str] = frozenset(),
        reads: Reads = READS,
        more: Sequence[str] = (),
    ) -> Consumer:
        """A consumer of the service, not started; `more` are further topics."""
        database = Database(self.url, "counting")
        self.databases.append(database)
        return Consumer(
            name="counting",
            database=database,
            log=log,
            topics=[self.topic, *more],
            reads=reads,
            handle=handle,
            timers=timers,
            passes=passes,
            forgetful=forgetful,
        )

    def parked(self) -> list[tuple[object, ...]]:
        """Key and state of what is parked, in the order it is drained."""
        return self.rows('SELECT key, state FROM parked ORDER BY key, "offset"')

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """Ask the database from outside."""
        with psycopg.connect(self.url) as db:
            return db.execute(query.encode()).fetchall()

    def seen(self) -> dict[str, list[int]]:
        """Key → the numbers counted, in the order of counting."""
        found: dict[str, list[int]] = {}
        for key, number in self.rows("SELECT key, number FROM seen ORDER BY place"):
            found.setdefault(str(key), []).append(int(str(number)))
        return found

    def published(self) -> dict[str, list[int]]:
        """Key → the numbers in the outbox, by seq."""
        found: dict[str, list[int]] = {}
        for key, number in self.rows("SELECT key, payload::json->>'number' FROM outbox ORDER BY seq"):
            found.setdefault(str(key), []).append(int(str(number)))
        return found


@contextmanager
def running(*consumers: Consumer) -> Iterator[list[BaseException]]:
    """Run consumers in threads; -> the list of what ended one of them."""
    ends: list[BaseException] = []

    def run(consumer: Consumer) -> None:
        try:
            consumer.run()
        except BaseException as error:
            ends.append(error)

    threads = [threading.Thread(target=run, args=(consumer,), daemon=True) for consumer in consumers]
    for thread in threads:
        thread.start()
    try:
        yield ends
    finally:
        for consumer in consumers:
            consumer.stop()
        for thread in threads:
            thread.join(10)
            assert not thread.is_alive(), "a consumer did not stop"


def happen(world: World, key: str, *numbers: int, kind: str = "happened") -> list[Record]:
    """Append events of one key."""
    return [worlds.publish(world, Event(world.topic, key, kind, Happened(number))) for number in numbers]


def bad(world: World, key: str) -> Record:
    """Append an event of a known type with a body that is not its own."""
    return worlds.publish(world, Event(world.topic, key, "happened", {"number": "many"}))


def poison_when(*numbers: int) -> Callable[[Transaction, Batch], None]:
    """A handler that calls these numbers poison."""

    def handle(tx: Transaction, batch: Batch) -> None:
        for event in batch.events:
            if event.data.number in numbers:
                raise Poison("not this one", event)
        count(tx, batch)

    return handle


def decide(counting: Counting, state: str, key: str = "a") -> None:
    """Be the person who decides on the key's head."""
    with psycopg.connect(counting.url, autocommit=True) as db:
        db.execute(
            "UPDATE parked SET state = %s, who = 'ann', why = 'so be it', decided = now()"
            " WHERE state = 'head' AND key = %s",
            [state, key],
        )
