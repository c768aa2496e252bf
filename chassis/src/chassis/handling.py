"""Handles what was fetched: one transaction a batch, and what to do when its handler cannot do some of it.

An event that is called poison is parked, and the batch tried again without it. When there are many of them, and when a
handler fails, transactions of one event each show which they are. Where another owner has moved the position, the batch
is given up to him.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from chassis.batch import Attempt, Candidate, Handler, PositionsLost, candidate
from chassis.cap import Cap, TooMany, check
from chassis.database import Database
from chassis.envelope import Reader, Reads, Record, attributes
from chassis.errors import Fatal, Poison, Transient
from chassis.failpoints import reach
from chassis.kafka import Place
from chassis.owned import Owned, place_of
from chassis.telemetry import log, metrics

Wants = Callable[[str, str], bool]

WHOLE_TRIES = 8  # at a batch, one poison fewer each time; each costs as much as the batch


class Handling:
    """Used by the consumer's thread only."""

    def __init__(  # noqa: PLR0913 - a part of the consumer's wiring, by keyword
        self,
        *,
        name: str,
        database: Database,
        owned: Owned,
        reads: Reads,
        handle: Handler,
        wants: Wants | None,
        passes: frozenset[str],
        between: Callable[[], None],
    ) -> None:
        """`between` two tries is called, and may raise: there may be many, and nothing is skipped by an end there."""
        self._name = name
        self._database = database
        self._owned = owned
        self._reads = reads
        self._handle = handle
        self._wants = wants or (lambda _type, _source: True)
        self._passes = passes
        self._between = between
        self.reader = Reader(reads)
        self.cap = Cap()

    def process(self, records: Sequence[Record]) -> None:
        """Handle the wanted records of a fetch; the rest only moves the position, now or with the next batch.

        Raises TooMany, Transient or Fatal; what was committed before that is known to `owned`.
        """
        candidates = []
        for record in records:
            attrs = attributes(record)
            kind = attrs.get("ce_type", "")
            if kind in self._reads and self._wants(kind, attrs.get("ce_source", "")):
                candidates.append(candidate(record, attrs, self.reader))
            else:
                metrics.events.labels(self._name, kind if kind in self._reads else "other", "skipped").inc()
        lost = self._settle(records, candidates) if candidates else set()
        self._owned.passed([record for record in records if place_of(record) not in lost])

    def _settle(self, records: Sequence[Record], candidates: Sequence[Candidate]) -> set[Place]:
        """Commit the batch, whatever its handler says of single events; -> the places lost to another owner."""
        lost: set[Place] = set()
        tries = 0
        while candidates:
            tries += 1
            try:
                self._commit(records, candidates)
            except PositionsLost:
                metrics.positions_lost.labels(self._name).inc()
                lost |= self._owned.follow()
                records = [record for record in records if place_of(record) not in lost]
                candidates = [c for c in candidates if place_of(c.record) not in lost]
            except Poison as poison:
                self._mark(candidates, poison)
                if tries >= WHOLE_TRIES and len(candidates) > 1:
                    return lost | self._one_by_one(candidates)
            except (Transient, Fatal, TooMany):
                raise
            except Exception as error:
                if len(candidates) > 1:
                    return lost | self._one_by_one(candidates)
                self._blame(candidates[0], error)
            else:
                break
            self._between()
        return lost

    def _one_by_one(self, candidates: Sequence[Candidate]) -> set[Place]:
        """Each event in a transaction of its own shows which of them the handler cannot do."""
        lost: set[Place] = set()
        for single in candidates:
            self._between()
            if place_of(single.record) not in lost:
                lost |= self._settle([single.record], [single])
        return lost

    @staticmethod
    def _blame(single: Candidate, error: Exception) -> None:
        """An event failed alone. Not at its first try: it may have met another transaction (a row that both insert)."""
        if single.error is not None:
            raise Fatal(f"cannot even park {single.record}: {error}") from error
        log.exception(
            "an event cannot be handled", event_key="consumer.poison", key=single.key, again=not single.failed
        )
        if single.failed:
            single.error = f"{type(error).__name__}: {error}"
        single.failed = True

    @staticmethod
    def _mark(candidates: Sequence[Candidate], poison: Poison) -> None:
        """Note that the event cannot be handled; the batch is tried again without it."""
        for c in candidates:
            if c.event_id == poison.event.id and c.error is None:
                c.error = str(poison)
                log.error("an event is parked", event_key="consumer.parked", key=c.key, error=c.error)
                return
        raise Fatal(f"a handler called an event poison that is not in its batch: {poison.event.id}")

    def _commit(self, records: Sequence[Record], candidates: Sequence[Candidate]) -> None:
        """One transaction: positions, claims, the handler's effects, parked rows."""
        moves = self._owned.moves(records)
        with metrics.batch_seconds.labels(self._name).time(), self._database.transaction() as tx:
            attempt = Attempt(tx, self._name, self._passes)
            batch = attempt.begin(candidates, moves)
            self._handle(tx, batch)
            attempt.finish(batch)
            if attempt.heads:
                check(tx, self._name, self.cap)
            reach("batch.before_commit")
        reach("batch.after_commit")
        self._owned.moved(moves)
        attempt.count()
        for callback in batch.callbacks:
            callback()
