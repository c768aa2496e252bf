"""The SQL of a recovery: what the tables hold, a person's word, and new rows for orders that were forgotten."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from api.codec import order_of, text
from api.domain import Order
from chassis.database import Transaction

KNOWN = "SELECT id FROM journal WHERE order_id = ANY(%s::uuid[])"
DOCUMENTS = "SELECT document FROM orders WHERE id = ANY(%s::uuid[])"
YOUNGEST = "SELECT at FROM journal ORDER BY seq DESC LIMIT 1"

ASKED = "SELECT asked FROM recovery WHERE ended IS NULL ORDER BY asked LIMIT 1"
END = "UPDATE recovery SET ended = now(), versions = %s, refused = %s WHERE asked = %s"

# At version 0, in the transaction that brings it to its last one. `due_tick` is set then, too.
FORGOTTEN = """
INSERT INTO orders (id, version, since, open, customer_id, restaurant_id, due_tick, document)
SELECT id, 1, 0, true, customer_id, restaurant_id, 0, document::text
FROM json_to_recordset(%s::json) AS new (id uuid, customer_id text, restaurant_id text, document json)
"""

SHIFTS = """
INSERT INTO shift (courier_id, on_shift) SELECT courier_id, on_shift
FROM json_to_recordset(%s::json) AS new (courier_id text, on_shift boolean) ORDER BY courier_id
ON CONFLICT (courier_id) DO UPDATE SET on_shift = excluded.on_shift
"""


def known_events(tx: Transaction, order_ids: Sequence[str]) -> set[UUID]:
    """The ids of the facts that made the versions of these orders."""
    return {row[0] for row in tx.execute(KNOWN, [list(order_ids)])}


def orders(tx: Transaction, order_ids: Sequence[str]) -> dict[str, Order]:
    """Those that the table has."""
    found = (order_of(row[0]) for row in tx.execute(DOCUMENTS, [list(order_ids)]))
    return {order.id: order for order in found}


def youngest(tx: Transaction) -> datetime | None:
    """The time of the last version that was written; None without any."""
    row = tx.execute(YOUNGEST).fetchone()
    return row[0] if row else None


def asked(tx: Transaction) -> datetime | None:
    """The oldest word that was not followed yet: its key."""
    row = tx.execute(ASKED).fetchone()
    return row[0] if row else None


def end(tx: Transaction, key: datetime, versions: int | None, refused: str | None) -> None:
    """What came of it."""
    tx.execute(END, [versions, refused, key])


def insert_forgotten(tx: Transaction, made: Sequence[Order]) -> None:
    """Rows for orders that the table does not have; `store.save_versions` brings them to their version."""
    rows = [
        {"id": one.id, "customer_id": one.customer_id, "restaurant_id": one.restaurant_id, "document": one}
        for one in made
    ]
    tx.execute(FORGOTTEN, [text(rows)])


def set_shifts(tx: Transaction, shifts: Mapping[str, bool]) -> None:
    """Courier → whether on shift."""
    tx.execute(SHIFTS, [text([{"courier_id": courier, "on_shift": on} for courier, on in shifts.items()])])
