"""Events set aside. A head cannot be handled; the later events of its key stand behind it, in order.

A person marks a head `released` or `discarded`; the partition's owner then drains the key in its own loop. A record
without a key is of nobody: it is a head of its own, and nothing waits behind it.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from psycopg import Cursor

from chassis.database import Transaction
from chassis.envelope import Record
from chassis.kafka import Place

REASON_CHARACTERS = 2000  # of an error that are kept


@dataclass(frozen=True, slots=True)
class Parking:
    """A record to be set aside, and why. `head` or behind one."""

    record: Record
    key: str
    event_id: UUID | None
    error: str
    head: bool


class Row(NamedTuple):
    """A parked record in the order it is drained."""

    record: Record
    state: str


class Waiting(NamedTuple):
    """What a consumer has parked: heads wait for a person; the oldest row's age in seconds, 0 without any."""

    heads: int
    rows: int
    oldest: float


KEYS = """
SELECT DISTINCT topic, partition, key FROM parked
WHERE consumer = %s AND key IN (SELECT json_array_elements_text(%s::json)) AND key <> ''
"""

# Those behind a head were never tried.
PARK = """
INSERT INTO parked (consumer, topic, partition, "offset", key, event_id, raw, error, state, attempts)
SELECT %s, topic, partition, "offset", key, event_id, raw, error, state, (state = 'head')::int
FROM json_to_recordset(%s::json) AS p (topic text, partition int, "offset" bigint, key text, event_id uuid,
  raw json, error text, state text)
ON CONFLICT DO NOTHING
"""

# A key may go on when its first row is no head. Only the places that are asked for: others have owners of their own.
READY = """
SELECT topic, partition, key FROM (
  SELECT DISTINCT ON (topic, partition, key) topic, partition, key, state FROM parked
  WHERE consumer = %s AND (key <> '' OR state <> 'head')
    AND (topic, partition) IN (
      SELECT topic, partition FROM json_to_recordset(%s::json) AS p (topic text, partition int))
  ORDER BY topic, partition, key, "offset") AS first
WHERE state <> 'head' LIMIT 100
"""

FIRST = """
SELECT "offset", raw, state FROM parked
WHERE consumer = %s AND topic = %s AND partition = %s AND key = %s AND (key <> '' OR state <> 'head')
ORDER BY "offset" LIMIT 1 FOR UPDATE
"""

REMOVE = 'DELETE FROM parked WHERE consumer = %s AND topic = %s AND partition = %s AND "offset" = %s'

DISCARD = """
WITH gone AS (
  DELETE FROM parked WHERE consumer = %s AND topic = %s AND partition = %s AND "offset" = %s RETURNING *)
INSERT INTO discarded (consumer, topic, partition, "offset", key, event_id, raw, error, attempts, at, who, why, decided)
SELECT consumer, topic, partition, "offset", key, event_id, raw, error, attempts, at, who, why, decided FROM gone
"""

BEHEAD = """
UPDATE parked SET state = 'head', error = %s, attempts = attempts + 1
WHERE consumer = %s AND topic = %s AND partition = %s AND "offset" = %s
"""

REPORT = """
SELECT count(*) FILTER (WHERE state = 'head'), count(*), coalesce(extract(epoch FROM now() - min(at)), 0)
FROM parked WHERE consumer = %s
"""


def waiting(tx: Transaction, consumer: str, keys: Sequence[str]) -> Cursor[tuple[Any, ...]]:
    """Queue the question where these keys have parked rows: topic, partition, key."""
    return tx.execute(KEYS, [consumer, _json(keys)])


def park(tx: Transaction, consumer: str, parkings: Sequence[Parking]) -> None:
    """Set records aside in the transaction of their batch."""
    rows = [
        {
            "topic": p.record.topic,
            "partition": p.record.partition,
            "offset": p.record.offset,
            "key": p.key,
            "event_id": p.event_id,
            "raw": to_raw(p.record),
            "error": _reason(p.error),
            "state": "head" if p.head else "behind",
        }
        for p in parkings
    ]
    tx.execute(PARK, [consumer, _json(rows)])


def ready_keys(tx: Transaction, consumer: str, places: Iterable[Place]) -> list[tuple[Place, str]]:
    """The keys in these places whose first row was released or discarded, or whose head is gone."""
    rows = tx.execute(READY, [consumer, _json([place._asdict() for place in places])]).fetchall()
    return [(Place(topic, partition), key) for topic, partition, key in rows]


def first(tx: Transaction, consumer: str, place: Place, key: str) -> Row | None:
    """The oldest parked row of a key, locked."""
    row = tx.execute(FIRST, [consumer, *place, key]).fetchone()
    return None if row is None else Row(from_raw(place, row[0], row[1]), row[2])


def remove(tx: Transaction, consumer: str, record: Record) -> None:
    """It was handled."""
    tx.execute(REMOVE, [consumer, *_where(record)])


def discard(tx: Transaction, consumer: str, record: Record) -> None:
    """Nobody will handle it: it is kept among the discarded, with the decision."""
    tx.execute(DISCARD, [consumer, *_where(record)])


def behead(tx: Transaction, consumer: str, record: Record, error: str) -> None:
    """The record could not be handled again: it is (again) the head of its key."""
    tx.execute(BEHEAD, [_reason(error), consumer, *_where(record)])


def report(tx: Transaction, consumer: str) -> Waiting:
    """How much waits, and since when."""
    row = tx.execute(REPORT, [consumer]).fetchone()
    return Waiting(int(row[0]), int(row[1]), float(row[2])) if row else Waiting(0, 0, 0.0)


def to_raw(record: Record) -> dict[str, Any]:
    """The whole record as JSON: nothing about it is lost, whatever its bytes."""
    return {
        "key": _text(record.key),
        "value": _text(record.value),
        "headers": [[name, _text(value)] for name, value in record.headers],
    }


def from_raw(place: Place, offset: int, raw: dict[str, Any]) -> Record:
    """The record as it was."""
    headers = [(name, _bytes(value)) for name, value in raw["headers"]]
    return Record(place.topic, place.partition, offset, _bytes(raw["key"]), _bytes(raw["value"]), headers)


def _where(record: Record) -> tuple[str, int, int]:
    return record.topic, record.partition, record.offset


def _json(data: object) -> str:
    return msgspec.json.encode(data).decode()


def _reason(error: str) -> str:
    return error.replace("\x00", "")[:REASON_CHARACTERS]


def _text(data: bytes | None) -> str | None:
    return None if data is None else base64.b64encode(data).decode()


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text)
