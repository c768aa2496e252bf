"""One batch: its records' positions, claims and parking around the service's handler, in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from chassis import inbox, parked, positions
from chassis.database import Transaction
from chassis.envelope import NO_KEY, Reader, Received, Record, Unreadable, key_of
from chassis.failpoints import reach
from chassis.kafka import Place
from chassis.owned import place_of
from chassis.telemetry import metrics


class PositionsLost(Exception):
    """Another owner has moved a position of this batch: everything is rolled back, what it did is read again."""


@dataclass(slots=True)
class Candidate:
    """A record of a wanted type: read into an event, or with the reason why it cannot be."""

    record: Record
    key: str
    type: str
    event_id: UUID | None
    event: Received | None
    error: str | None = None
    failed: bool = False
    """It was tried alone once, and the handler failed."""


def candidate(record: Record, attrs: Mapping[str, str], reader: Reader) -> Candidate:
    """Read one record; never raises."""
    try:
        event = reader.read(record, attrs)
    except Unreadable as error:
        return Candidate(record, key_of(record), attrs.get("ce_type", ""), _uuid(attrs.get("ce_id")), None, str(error))
    return Candidate(record, event.key, event.type, event.id, event)


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text or "")
    except ValueError:
        return None


class Batch:
    """What a handler is given. `keys` can be used at once; touching `events` waits for the database (one round trip).

    Queue the load of the states of `keys` first, then read `events`, then fetch the load's cursor: position, claim and
    load share that round trip.
    """

    def __init__(self, keys: Sequence[str], resolve: Callable[[], list[Received]]) -> None:
        self.keys = keys
        """Sorted and distinct; a superset of the keys of `events`. Lock in this order."""
        self._resolve = resolve
        self._events: list[Received] | None = None
        self.callbacks: list[Callable[[], None]] = []

    @property
    def events(self) -> list[Received]:
        """The events to handle now, in the order of the log: claimed here, and not behind a parked one."""
        if self._events is None:
            self._events = self._resolve()
        return self._events

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Run once, after the commit, in the consumer's thread; not at all when the batch is rolled back."""
        self.callbacks.append(callback)


Handler = Callable[[Transaction, Batch], None]


class Attempt:
    """One try at a batch inside a transaction. `begin` queues the guards, `finish` parks what must wait."""

    def __init__(self, tx: Transaction, consumer: str, passes: frozenset[str]) -> None:
        self._tx = tx
        self._consumer = consumer
        self._passes = passes
        self.parkings: list[parked.Parking] = []
        self.outcomes: list[tuple[str, str]] = []

    def begin(self, candidates: Sequence[Candidate], moves: Sequence[positions.Move]) -> Batch:
        """Queue position, claim and the question for parked keys; the batch answers them when `events` is touched."""
        keys = sorted({c.key for c in candidates})
        moved = positions.move(self._tx, moves)
        claimed = inbox.claim(self._tx, (c.event_id for c in candidates if c.event_id))
        waiting = parked.waiting(self._tx, self._consumer, keys)

        def resolve() -> list[Received]:
            if len(moved.fetchall()) != len(moves):
                raise PositionsLost
            ids = {row[0] for row in claimed.fetchall()}
            return self._sort(candidates, ids, {(Place(*place), key) for *place, key in waiting.fetchall()})

        return Batch(keys, resolve)

    def _sort(
        self, candidates: Iterable[Candidate], claimed: set[UUID], blocked: set[tuple[Place, str]]
    ) -> list[Received]:
        events = []
        for c in candidates:
            whose = (place_of(c.record), c.key)
            if c.event_id is not None and c.event_id not in claimed:
                self.outcomes.append((c.type, "duplicate"))
                continue
            if c.event_id is not None:
                claimed.discard(c.event_id)  # its repeat in this batch is a duplicate
            passing = c.type in self._passes or whose not in blocked
            if c.event is not None and c.error is None and passing:
                self.outcomes.append((c.type, "handled"))
                events.append(c.event)
                continue
            self.outcomes.append((c.type, "parked"))
            reason = c.error or "behind a parked event of its key"
            self.parkings.append(parked.Parking(c.record, c.key, c.event_id, reason, head=whose not in blocked))
            if c.key != NO_KEY:  # such records are of nobody, and have no order
                blocked.add(whose)
        return events

    @property
    def heads(self) -> bool:
        """Whether it parks a key that was not; after `finish`."""
        return any(parking.head for parking in self.parkings)

    def finish(self, batch: Batch) -> None:
        """Write what was parked; also makes sure the guards were answered when the handler did not look."""
        _ = batch.events
        if self.parkings:
            parked.park(self._tx, self._consumer, self.parkings)
            reach("batch.parking")

    def count(self) -> None:
        """Report what became of the batch's events; called after the commit."""
        for kind, outcome in self.outcomes:
            metrics.events.labels(self._consumer, kind, outcome).inc()
