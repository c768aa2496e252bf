"""The explorer's ground: commits in one order, topics filled from them by capture, and services that read the topics.

Everything here is a plain model of what the database, change data capture and chassis do; the rules under test are the
real ones, composed by the other modules of this package. One partition a topic: causes come before effects in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, ClassVar

import msgspec

ORDERS, COURIERS, TICKS, JOURNAL = "orders.events", "couriers.events", "ticks", "orders.journal"

Read = tuple[str, Any]
"""(key, data) of an event, as a service reads it."""


@dataclass(frozen=True)
class Rules:
    """What the model keeps to. Each is turned off by a negative control, and must then be missed."""

    remember_closed: bool = True
    """A service remembers the end of an order, also when it has nothing to undo for it."""
    lease: bool = True
    """An answer of the provider counts only under the lease it was asked with."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a transaction publishes."""

    topic: str
    key: str
    type: str
    data: Any


@dataclass(frozen=True, slots=True)
class Record:
    """What was published, by whom."""

    id: int
    said: Said
    source: str


class Log:
    """Commits in order (the WAL), and the topics as far as they were captured."""

    def __init__(self) -> None:
        self.wal: list[Record] = []
        self.captured = 0
        self.topics: dict[str, list[Record]] = {topic: [] for topic in (ORDERS, COURIERS, TICKS, JOURNAL)}

    def commit(self, source: str, said: Iterable[Said]) -> None:
        """A transaction's outbox rows become visible."""
        for one in said:
            self.wal.append(Record(len(self.wal), one, source))

    @property
    def lags(self) -> bool:
        """There is something that was not captured yet."""
        return self.captured < len(self.wal)

    def capture(self) -> None:
        """Debezium publishes the next row."""
        record = self.wal[self.captured]
        self.captured += 1
        self.topics[record.said.topic].append(record)

    def repeat(self, count: int) -> None:
        """Debezium was killed: what it published last, it publishes again."""
        for record in self.wal[max(0, self.captured - count) : self.captured]:
            self.topics[record.said.topic].append(record)


@cache
def _decoder(shape: type) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(shape)


def convert(data: Any, shape: type) -> Any:
    """The producer's data as the consumer reads it: through JSON, as on the wire."""
    return _decoder(shape).decode(msgspec.json.encode(data))


@dataclass
class Work:
    """A transaction that was decided and not committed: what it will save, and the rows it holds meanwhile."""

    save: Callable[[], None]
    locked: frozenset[str]


@dataclass
class Open:
    """A batch between its read and its commit."""

    topic: str
    next: int
    claimed: set[int]
    work: Work


@dataclass
class Service:
    """A consumer: position, inbox, and batches in two halves, so that others can commit between."""

    log: Log
    rules: Rules
    positions: dict[str, int] = field(init=False)
    inbox: set[int] = field(default_factory=set, init=False)
    open: Open | None = field(default=None, init=False)

    name: ClassVar[str]
    topics: ClassVar[Sequence[str]]
    reads: ClassVar[Mapping[str, type]]

    def __post_init__(self) -> None:
        self.positions = dict.fromkeys(self.topics, 0)

    def decide(self, events: Sequence[Read]) -> Work:
        """Load and decide; changes nothing before `Work.save`."""
        raise NotImplementedError

    def wants(self, record: Record) -> bool:
        """Narrows `reads` by source."""
        return True

    def behind(self) -> list[str]:
        """Topics with something to read."""
        return [topic for topic in self.topics if self.positions[topic] < len(self.log.topics[topic])]

    @property
    def locked(self) -> frozenset[str]:
        """Keys of the rows that an open batch holds."""
        return self.open.work.locked if self.open else frozenset()

    def begin(self, topic: str, limit: int) -> None:
        """Read up to `limit` records of a topic and decide."""
        at = self.positions[topic]
        records = self.log.topics[topic][at : at + limit]
        fresh: dict[int, Record] = {}
        for record in records:
            if record.said.type in self.reads and self.wants(record) and record.id not in self.inbox:
                fresh.setdefault(record.id, record)
        events = [(r.said.key, convert(r.said.data, self.reads[r.said.type])) for r in fresh.values()]
        self.open = Open(topic, at + len(records), set(fresh), self.decide(events))

    def commit(self) -> None:
        """State, events, inbox and position at once."""
        if self.open is None:
            raise AssertionError("nothing is open")
        self.open.work.save()
        self.inbox |= self.open.claimed
        self.positions[self.open.topic] = self.open.next
        self.open = None

    def abort(self) -> None:
        """Killed before the commit: nothing happened, the batch is read again."""
        self.open = None

    def consume(self, topic: str, limit: int = 500) -> None:
        """Both halves at once."""
        self.begin(topic, limit)
        self.commit()
