"""Drains a parked key whose head was released or discarded: in order, before the key's live events, by its owner."""

from __future__ import annotations

from typing import NamedTuple

from chassis import parked, positions
from chassis.batch import Batch, Candidate, Handler, candidate
from chassis.database import Database
from chassis.envelope import Reader, attributes
from chassis.errors import Fatal, Poison, Transient
from chassis.kafka import Place


class Key(NamedTuple):
    """A parked key of a consumer, at the position its partition's owner last wrote."""

    consumer: str
    place: Place
    key: str
    position: int


def drain(database: Database, key: Key, reader: Reader, handle: Handler) -> None:
    """Handle the key's parked rows up to the next head or poison, one after the other, each in a transaction.

    Held under the position's row lock: a zombie finds the position moved, or waits. Raises Transient.
    """
    while step(database, key, reader, handle):
        pass


def step(database: Database, key: Key, reader: Reader, handle: Handler) -> bool:
    """The first parked row of the key; -> whether the next may follow."""
    try:
        with database.transaction() as tx:
            if not positions.hold(tx, key.place, key.position):
                return False
            rows = parked.rows_of(tx, key.consumer, key.place, key.key)
            if not rows or rows[0].state == "head":
                return False
            first = rows[0]
            if first.state != "discarded":
                batch = Batch([key.key], lambda: [])
                batch = _batch_of(key.key, candidate(first.record, attributes(first.record), reader))
                handle(tx, batch)
            parked.remove(tx, key.consumer, key.place, key.key, first.record.offset)
    except (Transient, Fatal):
        raise
    except Exception as error:
        reason = str(error) if isinstance(error, Poison) else f"{type(error).__name__}: {error}"
        with database.transaction() as tx:
            parked.behead(tx, key.consumer, first.record, reason)
        return False
    if first.state != "discarded":
        for callback in batch.callbacks:
            callback()
    return len(rows) > 1


def _batch_of(key: str, read: Candidate) -> Batch:
    """A batch of one event that was claimed when it was parked."""
    if read.event is None:
        raise ValueError(read.error)
    event = read.event
    return Batch([key], lambda: [event])
