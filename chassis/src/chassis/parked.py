"""Events set aside. A head cannot be handled; the later events of its key stand behind it, in order.

A person marks a head `released` or `discarded`; the partition's owner then drains the key in its own loop.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from psycopg import Cursor

from chassis.database import Transaction
from chassis.envelope import Record
from chassis.kafka import Place

DRAIN_LIMIT = 200  # rows of one key in one transaction
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


WAITING = """
SELECT DISTINCT key FROM parked
WHERE consumer = %s AND key IN (SELECT json_array_elements_text(%s::json))
"""

PARK = """
INSERT INTO parked (consumer, topic, partition, "offset", key, event_id, raw, error, state)
SELECT %s, topic, partition, "offset", key, event_id, raw, error, state
FROM json_to_recordset(%s::json) AS p (topic text, partition int, "offset" bigint, key text, event_id uuid,
  raw json, error text, state text)
ON CONFLICT DO NOTHING
"""

# A key may go on when its first row is no head.
READY = """
SELECT topic, partition, key FROM (
  SELECT DISTINCT ON (topic, partition, key) topic, partition, key, state FROM parked
  WHERE consumer = %s ORDER BY topic, partition, key, "offset") AS first
WHERE state <> 'head' LIMIT 100
"""

ROWS = """
SELECT "offset", raw, state FROM parked
WHERE consumer = %s AND topic = %s AND partition = %s AND key = %s ORDER BY "offset" LIMIT %s FOR UPDATE
"""

REMOVE = """
DELETE FROM parked WHERE consumer = %s AND topic = %s AND partition = %s AND key = %s AND "offset" <= %s
"""

BEHEAD = """
UPDATE parked SET state = 'head', error = %s, attempts = attempts + 1
WHERE consumer = %s AND topic = %s AND partition = %s AND "offset" = %s
"""

HEADS = "SELECT count(*) FROM parked WHERE consumer = %s AND state = 'head'"


def waiting(tx: Transaction, consumer: str, keys: Sequence[str]) -> Cursor[tuple[Any, ...]]:
    """Queue the question which of these keys have parked rows."""
    return tx.execute(WAITING, [consumer, msgspec.json.encode(keys).decode()])


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
    tx.execute(PARK, [consumer, msgspec.json.encode(rows).decode()])


def ready_keys(tx: Transaction, consumer: str) -> list[tuple[Place, str]]:
    """The keys whose first row was released or discarded, or whose head is gone."""
    rows = tx.execute(READY, [consumer]).fetchall()
    return [(Place(topic, partition), key) for topic, partition, key in rows]


def rows_of(tx: Transaction, consumer: str, place: Place, key: str) -> list[Row]:
    """The oldest parked rows of a key, locked."""
    found = tx.execute(ROWS, [consumer, *place, key, DRAIN_LIMIT]).fetchall()
    return [Row(from_raw(place, offset, raw), state) for offset, raw, state in found]


def remove(tx: Transaction, consumer: str, place: Place, key: str, upto: int) -> None:
    """Forget the key's rows up to this offset: they were handled or discarded."""
    tx.execute(REMOVE, [consumer, *place, key, upto])


def behead(tx: Transaction, consumer: str, record: Record, error: str) -> None:
    """The record could not be handled again: it is (again) the head of its key."""
    tx.execute(BEHEAD, [_reason(error), consumer, record.topic, record.partition, record.offset])


def heads(tx: Transaction, consumer: str) -> int:
    """How many heads wait for a person."""
    row = tx.execute(HEADS, [consumer]).fetchone()
    return int(row[0]) if row else 0


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


def _reason(error: str) -> str:
    return error.replace("\x00", "")[:REASON_CHARACTERS]


def _text(data: bytes | None) -> str | None:
    return None if data is None else base64.b64encode(data).decode()


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text)
