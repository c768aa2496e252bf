"""A consumer in the explorer: a plain model of what chassis does around a service's rules.

Position, inbox, batches in two halves (so that others can commit between), and parking: an event that cannot be read
waits with all later ones of its key behind it, until it is released or discarded; then they are handled one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

from explore.log import Log, Record, Rules, convert


class Read(NamedTuple):
    """An event as a service reads it. `at` is when it was said, as a number."""

    key: str
    data: Any
    at: int


Key = tuple[str, str]
"""(topic, key): what is parked together."""


@dataclass
class Parked:
    """A record set aside: `head`, `behind` one, `released` or `discarded`."""

    record: Record
    state: str


@dataclass
class Work:
    """A transaction that was decided and not committed: what it will save, and the rows it holds meanwhile."""

    save: Callable[[], None]
    locked: frozenset[str]


@dataclass
class Open:
    """A batch, or one event of a parked key, between its read and its commit."""

    work: Work
    handled: Sequence[Record]
    claimed: frozenset[int] = frozenset()
    parked: Sequence[Parked] = ()
    position: tuple[str, int] | None = None
    drained: Key | None = None


class Handled(NamedTuple):
    """A record whose handling was committed, and the length of the WAL before and after that commit."""

    record: Record
    since: int
    until: int


@dataclass
class Service:
    """One consumer, the only one of its service."""

    log: Log
    rules: Rules
    positions: dict[str, int] = field(init=False)
    inbox: set[int] = field(default_factory=set, init=False)
    open: Open | None = field(default=None, init=False)
    parked: dict[Key, list[Parked]] = field(default_factory=dict, init=False)
    unreadable: set[int] = field(default_factory=set, init=False)
    """Ids of records that this service cannot read for a while."""
    handled: list[Handled] = field(default_factory=list, init=False)
    """What it has handled, in order."""

    name: ClassVar[str]
    topics: ClassVar[Sequence[str]]
    reads: ClassVar[Mapping[str, type]]
    passes: ClassVar[frozenset[str]] = frozenset()

    def __post_init__(self) -> None:
        self.positions = dict.fromkeys(self.topics, 0)

    def decide(self, reads: Sequence[Read]) -> Work:
        """Load and decide; changes nothing before `Work.save`."""
        raise NotImplementedError

    def wants(self, record: Record) -> bool:
        """Narrows `reads` by source."""
        return True

    @property
    def locked(self) -> frozenset[str]:
        """Keys of the rows that an open transaction holds."""
        return self.open.work.locked if self.open else frozenset()

    # -- batches -------------------------------------------------------------------------------------------------

    def behind(self) -> list[str]:
        """Topics with something to read."""
        return [topic for topic in self.topics if self.positions[topic] < len(self.log.topics[topic])]

    def begin(self, topic: str, limit: int) -> None:
        """Read up to `limit` records of a topic and decide."""
        at = self.positions[topic]
        records = self.log.topics[topic][at : at + limit]
        fresh: dict[int, Record] = {}
        for record in records:
            if record.said.type in self.reads and self.wants(record) and record.id not in self.inbox:
                fresh.setdefault(record.id, record)
        events, parked = self._sort(topic, list(fresh.values()))
        work = self.decide([self._read(record) for record in events])
        self.open = Open(work, events, frozenset(fresh), parked, (topic, at + len(records)))

    def _sort(self, topic: str, records: Sequence[Record]) -> tuple[list[Record], list[Parked]]:
        """What is handled now, and what is set aside."""
        blocked = {key for (where, key), rows in self.parked.items() if where == topic and self._blocks(rows)}
        events, parked = [], []
        for record in records:
            key = record.said.key
            if self.readable(record) and (record.said.type in self.passes or key not in blocked):
                events.append(record)
            else:
                parked.append(Parked(record, "behind" if key in blocked else "head"))
                blocked.add(key)
        return events, parked

    def _blocks(self, rows: Sequence[Parked]) -> bool:
        """The control: what was released is thought to be out of the way already."""
        return self.rules.in_order or rows[0].state == "head"

    def readable(self, record: Record) -> bool:
        """Whether this service makes sense of it now."""
        return not record.garbage and record.id not in self.unreadable

    def _read(self, record: Record) -> Read:
        return Read(record.said.key, convert(record.said.data, self.reads[record.said.type]), record.id)

    def commit(self) -> None:
        """State, events, inbox, parked rows and position at once."""
        if self.open is None:
            raise AssertionError("nothing is open")
        done, self.open = self.open, None
        since = len(self.log.wal)
        done.work.save()
        self.handled += [Handled(record, since, len(self.log.wal)) for record in done.handled]
        self.inbox |= done.claimed
        if done.position:
            self.positions[done.position[0]] = done.position[1]
        if done.drained:
            self._forget_first(done.drained)
        for row in done.parked:
            self.parked.setdefault((row.record.said.topic, row.record.said.key), []).append(row)

    def abort(self) -> None:
        """Killed before the commit: nothing happened, it is read again."""
        self.open = None

    def consume(self, topic: str, limit: int = 500) -> None:
        """Both halves at once."""
        self.begin(topic, limit)
        self.commit()

    # -- parked keys ---------------------------------------------------------------------------------------------

    def heads(self) -> list[Key]:
        """Parked keys that wait for a person."""
        return [key for key, rows in self.parked.items() if rows[0].state == "head"]

    def drainable(self) -> list[Key]:
        """Parked keys that may go on."""
        return [key for key, rows in self.parked.items() if self._goes_on(rows[0].state)]

    def _goes_on(self, state: str) -> bool:
        """The control: only what a person decided about is handled, and nothing behind it."""
        return state in ("released", "discarded") or (state == "behind" and self.rules.let_go)

    def judge(self, key: Key, state: str) -> None:
        """A person says of a head that it is `released` or `discarded`; a second word changes nothing."""
        first = self.parked[key][0]
        if first.state == "head":
            first.state = state

    def drain(self, key: Key) -> None:
        """Begin with the first parked event of a key; one that still cannot be read is the head again."""
        row = self.parked[key][0]
        if row.state == "discarded":
            self.open = Open(Work(lambda: None, frozenset()), [], drained=key)
        elif self.readable(row.record):
            self.open = Open(self.decide([self._read(row.record)]), [row.record], drained=key)
        else:
            row.state = "head"

    def _forget_first(self, key: Key) -> None:
        rows = self.parked[key]
        rows.pop(0)
        if not rows:
            del self.parked[key]
