"""All of newcomer's SQL. A list goes to Postgres as one JSON text (psycopg's arrays are slow)."""

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg import Cursor

from chassis.database import Transaction
from chassis.envelope import encode
from newcomer.domain import Score

Rows = Cursor[tuple[Any, ...]]

LOCK_SCORES = """
SELECT order_id, points FROM score
WHERE order_id = ANY (ARRAY(SELECT json_array_elements_text(%s::json)))
ORDER BY order_id FOR UPDATE
"""

# Whoever writes holds the position of the order's partition, so nobody else writes the same order.
SAVE_SCORES = """
INSERT INTO score (order_id, points)
SELECT order_id, points FROM json_to_recordset(%(rows)s::json) AS s (order_id text, points int)
ON CONFLICT (order_id) DO UPDATE SET points = excluded.points
"""


def lock(tx: Transaction, order_ids: Sequence[str]) -> Rows:
    """Queue the locks on these orders' scores."""
    return tx.execute(LOCK_SCORES, [encode(order_ids).decode()])


def scores(rows: Rows) -> dict[str, Score]:
    """Order id → score."""
    return {order_id: Score(points) for order_id, points in rows.fetchall()}


def save(tx: Transaction, changed: Mapping[str, Score]) -> None:
    """Write the scores that changed."""
    if changed:
        rows = [{"order_id": order_id, "points": score.points} for order_id, score in sorted(changed.items())]
        tx.execute(SAVE_SCORES, {"rows": encode(rows).decode()})
