"""Positions in Postgres: the next offset to handle, moved in the transaction of the batch.

"The offset after the effect" is true by construction, a zombie and the owner queue on one row, and replay is an UPDATE.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from psycopg import Cursor

from chassis.database import Transaction
from chassis.kafka import Place


class Move(NamedTuple):
    """One position's step in a batch: from what this owner last wrote to the offset after its last record."""

    place: Place
    expected: int
    next: int


LOAD = "SELECT topic, partition, next FROM position WHERE topic IN (SELECT json_array_elements_text(%s::json))"

START = """
INSERT INTO position (topic, partition, next)
SELECT * FROM json_to_recordset(%s::json) AS p (topic text, partition int, next bigint)
ON CONFLICT DO NOTHING
"""

MOVE = """
UPDATE position AS p SET next = m.next
FROM json_to_recordset(%s::json) AS m (topic text, partition int, expected bigint, next bigint)
WHERE p.topic = m.topic AND p.partition = m.partition AND p.next = m.expected
RETURNING p.topic, p.partition
"""

HOLD = "SELECT 1 FROM position WHERE topic = %s AND partition = %s AND next = %s FOR UPDATE"


def load(tx: Transaction, topics: Sequence[str]) -> dict[Place, int]:
    """Every position of these topics."""
    rows = tx.execute(LOAD, [msgspec.json.encode(sorted(topics)).decode()]).fetchall()
    return {Place(topic, partition): at for topic, partition, at in rows}


def start(tx: Transaction, positions: Mapping[Place, int]) -> None:
    """Write the first position of places never read before; one that another owner has written stays."""
    rows = [{"topic": p.topic, "partition": p.partition, "next": at} for p, at in positions.items()]
    tx.execute(START, [msgspec.json.encode(rows).decode()])


def move(tx: Transaction, moves: Sequence[Move]) -> Cursor[tuple[Any, ...]]:
    """Queue the moves; the cursor has one row for each that was made. Fewer rows than moves: another owner was here."""
    rows = [
        {"topic": m.place.topic, "partition": m.place.partition, "expected": m.expected, "next": m.next} for m in moves
    ]
    return tx.execute(MOVE, [msgspec.json.encode(rows).decode()])


def hold(tx: Transaction, place: Place, at: int) -> bool:
    """Lock the position's row; False when another owner has moved it."""
    return tx.execute(HOLD, [place.topic, place.partition, at]).fetchone() is not None
