"""The SQL of a recovery: what the tables hold, a person's word, and new rows for orders that were forgotten."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from api.codec import order_of, text
from api.domain import Order
from chassis.database import Transaction

KNOWN = "SELECT id FROM journal WHERE order_id = ANY(%s::uuid[])"
KNOWN_OF = """
SELECT made.id FROM unnest(%s::uuid[], %s::text[]) AS made (order_id, id)
JOIN journal ON journal.order_id = made.order_id AND journal.id::text = made.id
"""
DOCUMENTS = "SELECT document FROM orders WHERE id = ANY(%s::uuid[])"

WHOLE_UNTIL = "SELECT coalesce((SELECT since FROM doubt), (SELECT at FROM journal ORDER BY seq DESC LIMIT 1))"
# Of tables that were empty, all that was ever published is in doubt.
DOUBT = """
INSERT INTO doubt (since) SELECT coalesce((SELECT at FROM journal ORDER BY seq DESC LIMIT 1), '2000-01-01')
ON CONFLICT DO NOTHING
"""
TRUST = "DELETE FROM doubt"

# Under way is a word, too, until it has ended: the process that took it up may be gone.
TAKE_UP = """
UPDATE recovery SET began = now()
WHERE asked = (SELECT asked FROM recovery WHERE ended IS NULL ORDER BY asked LIMIT 1) AND ended IS NULL
RETURNING asked
"""
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


def known_of(tx: Transaction, made: Sequence[tuple[str, str]]) -> set[str]:
    """The ids of those (order, fact) that are a version."""
    return {row[0] for row in tx.execute(KNOWN_OF, [[order for order, _ in made], [fact for _, fact in made]])}


def orders(tx: Transaction, order_ids: Sequence[str]) -> dict[str, Order]:
    """Those that the table has."""
    found = (order_of(row[0]) for row in tx.execute(DOCUMENTS, [list(order_ids)]))
    return {order.id: order for order in found}


def whole_until(tx: Transaction) -> datetime | None:
    """What was written until then is there; None: nothing need be."""
    row = tx.execute(WHOLE_UNTIL).fetchone()
    return row[0] if row else None


def doubt(tx: Transaction) -> None:
    """What `whole_until` answers stays as it is, whatever is written, until `trust`."""
    tx.execute(DOUBT)


def trust(tx: Transaction) -> None:
    """The tables have all that the log has."""
    tx.execute(TRUST)


def take_up(tx: Transaction) -> datetime | None:
    """The oldest word that was not followed yet: its key. Whoever gave it is told that it is under way."""
    row = tx.execute(TAKE_UP).fetchone()
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
