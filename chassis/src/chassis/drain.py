"""Drains parked keys whose head was released or discarded: in order, before the key's live events, by their owner.

A key is parked as long as it has a row, and a live event of a parked key is set aside behind the others in the
transaction that would handle it: so what was fetched meanwhile waits its turn, too.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from chassis import parked, positions
from chassis.batch import Batch, Handler, candidate
from chassis.database import Database, Transaction
from chassis.envelope import Reader, Unreadable, attributes
from chassis.errors import Fatal, Poison, Transient
from chassis.failpoints import reach
from chassis.kafka import Place
from chassis.parked import Row
from chassis.telemetry import log, metrics

SECONDS = 0.2  # at a stretch; then live events have their turn


@dataclass(frozen=True)
class Drain:
    """The parked keys of one consumer. Used by the consumer's thread only."""

    consumer: str
    reader: Reader
    handle: Handler

    def run(self, database: Database, ready: Sequence[tuple[Place, str]], owned: Mapping[Place, int]) -> bool:
        """Drain the keys that are ready, SECONDS at most; -> whether more may be. Raises Transient.

        `owned`: place → the position that its owner last wrote.
        """
        end, settled = time.monotonic() + SECONDS, 0
        for place, key in ready:
            while time.monotonic() < end and self.step(database, place, key, owned[place]):
                settled += 1
        return settled > 0

    def step(self, database: Database, place: Place, key: str, position: int) -> bool:
        """The first parked row of a key, in a transaction; -> whether the next may follow.

        Under the lock of the position's row: a zombie finds the position moved, or waits.
        """
        row: Row | None = None
        try:
            with database.transaction() as tx:
                if positions.hold(tx, place, position):
                    row = parked.first(tx, self.consumer, place, key)
                if row is None or row.state == "head":
                    return False
                batch = self._settle(tx, row)
                reach("drain.before_commit")
        except (Transient, Fatal):
            raise
        except Exception as error:
            if row is None:
                raise
            self._keep(database, position, row, _reason(error))
            log.error("a released event is parked again", event_key="consumer.parked_again", key=key, error=str(error))
            return False
        reach("drain.after_commit")
        self._tell(row, key)
        for callback in batch.callbacks:
            callback()
        return True

    def _settle(self, tx: Transaction, row: Row) -> Batch:
        """Do what was decided; -> the batch of one event, claimed when it was parked, or of none."""
        if row.state == "discarded":
            parked.discard(tx, self.consumer, row.record)
            return Batch([], list)
        read = candidate(row.record, attributes(row.record), self.reader)
        if (event := read.event) is None:
            raise Unreadable(read.error)
        batch = Batch([read.key], lambda: [event])
        self.handle(tx, batch)
        parked.remove(tx, self.consumer, row.record)
        return batch

    def _keep(self, database: Database, position: int, row: Row, reason: str) -> None:
        """It failed again: it is the head of its key."""
        reach("drain.again")
        place = Place(row.record.topic, row.record.partition)
        with database.transaction() as tx:
            if positions.hold(tx, place, position):
                parked.behead(tx, self.consumer, row.record, reason)

    def _tell(self, row: Row, key: str) -> None:
        outcome = "discarded" if row.state == "discarded" else "released"
        kind = attributes(row.record).get("ce_type", "")
        metrics.events.labels(self.consumer, kind, outcome).inc()
        log.info("a parked event is settled", event_key=f"consumer.{outcome}", key=key, type=kind)


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, Poison | Unreadable) else f"{type(error).__name__}: {error}"
