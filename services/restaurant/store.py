"""All of restaurant's SQL. Locks are taken in one order everywhere: tickets by id, then stock by restaurant and dish.

A list goes to Postgres as one JSON text (psycopg's arrays are slow). Its LIMIT tells the planner how long it is:
without that json_to_recordset counts for 100 rows, and a hundred rows make it read a young table whole.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from psycopg import Cursor

from chassis.database import Transaction
from chassis.envelope import encode
from restaurant.domain import State, Ticket
from restaurant.events import Line
from restaurant.shelves import Shelf, Shelves

Rows = Cursor[tuple[Any, ...]]

LOCK_TICKETS = """
SELECT order_id, state, restaurant_id, lines, held, traceparent FROM ticket
WHERE order_id = ANY (ARRAY(SELECT json_array_elements_text(%s::json)))
ORDER BY order_id FOR UPDATE
"""

LOCK_DUE = """
SELECT order_id, state, restaurant_id, lines, held, traceparent FROM ticket
WHERE state = 'COOKING' AND ready_at <= now()
ORDER BY ready_at, order_id LIMIT %s FOR UPDATE SKIP LOCKED
"""

LOCK_STOCK = """
SELECT restaurant_id, item_id, quantity, preparation_seconds, counted_at
FROM (SELECT * FROM json_to_recordset(%(rows)s::json) AS w (restaurant_id text, item_id text)
      LIMIT json_array_length(%(rows)s::json)) AS wanted
JOIN stock USING (restaurant_id, item_id) JOIN restaurant USING (restaurant_id)
ORDER BY restaurant_id, item_id FOR UPDATE OF stock
"""

# A plain INSERT: should two owners meet on a new order, the second fails and reads again, it overwrites nothing.
INSERT_TICKETS = """
INSERT INTO ticket (order_id, state, restaurant_id, lines, held, ready_at, traceparent)
SELECT order_id, state, restaurant_id, lines, held, now() + ready_in * interval '1 second', traceparent
FROM json_to_recordset(%(rows)s::json)
  AS t (order_id text, state text, restaurant_id text, lines json, held boolean, ready_in int, traceparent text)
"""

# While a ticket cooks its time stands; a ticket in any other state has none.
UPDATE_TICKETS = """
UPDATE ticket SET state = t.state, held = t.held,
  ready_at = CASE WHEN t.state = 'COOKING' THEN coalesce(ticket.ready_at, now() + t.ready_in * interval '1 second') END
FROM (SELECT * FROM json_to_recordset(%(rows)s::json) AS t (order_id text, state text, held boolean, ready_in int)
      LIMIT json_array_length(%(rows)s::json)) AS t
WHERE ticket.order_id = t.order_id
"""

CHANGE_STOCK = """
UPDATE stock SET quantity = stock.quantity + c.change
FROM (SELECT * FROM json_to_recordset(%(rows)s::json) AS c (restaurant_id text, item_id text, change int)
      LIMIT json_array_length(%(rows)s::json)) AS c
WHERE stock.restaurant_id = c.restaurant_id AND stock.item_id = c.item_id
"""

# A dish that never had any stock gets its row. An unknown restaurant fails: such an event is poison.
COUNT_STOCK = """
INSERT INTO stock (restaurant_id, item_id, quantity, counted_at)
SELECT restaurant_id, item_id, quantity, counted_at
FROM json_to_recordset(%(rows)s::json)
  AS c (restaurant_id text, item_id text, quantity int, counted_at timestamptz)
ON CONFLICT (restaurant_id, item_id) DO UPDATE SET quantity = excluded.quantity, counted_at = excluded.counted_at
"""

ANY_RESTAURANT = "SELECT FROM restaurant LIMIT 1"

# The row comes back only when something differs: then the menu is to be published.
PUT_RESTAURANT = """
INSERT INTO restaurant AS r (restaurant_id, preparation_seconds, menu) VALUES (%s, %s, %s)
ON CONFLICT (restaurant_id) DO UPDATE SET preparation_seconds = excluded.preparation_seconds, menu = excluded.menu
WHERE (r.preparation_seconds, r.menu) IS DISTINCT FROM (excluded.preparation_seconds, excluded.menu)
RETURNING restaurant_id
"""

# Stock is set once: what was sold since is not put back by seeding again.
ADD_STOCK = """
INSERT INTO stock (restaurant_id, item_id, quantity)
SELECT restaurant_id, item_id, quantity
FROM json_to_recordset(%(rows)s::json) AS s (restaurant_id text, item_id text, quantity int)
ON CONFLICT DO NOTHING
"""


def lock_tickets(tx: Transaction, order_ids: Sequence[str]) -> Rows:
    """Queue the locks on these orders' tickets."""
    return tx.execute(LOCK_TICKETS, [encode(order_ids).decode()])


def lock_due(tx: Transaction, limit: int) -> dict[str, Ticket]:
    """Lock up to `limit` tickets whose preparation time has passed; those that others hold are passed over."""
    return tickets(tx.execute(LOCK_DUE, [limit]))


def tickets(rows: Rows) -> dict[str, Ticket]:
    """Order id → ticket. `ready_in` is not read back: it is of use only in the step that begins cooking."""
    return {
        order_id: Ticket(State(state), restaurant_id, tuple(Line(**line) for line in lines), held, traceparent=trace)
        for order_id, state, restaurant_id, lines, held, trace in rows.fetchall()
    }


def lock_stock(tx: Transaction, wanted: Collection[tuple[str, str]]) -> dict[tuple[str, str], Shelf]:
    """Lock these (restaurant, dish) rows; those that do not exist are left out."""
    rows = [{"restaurant_id": restaurant, "item_id": item} for restaurant, item in sorted(wanted)]
    found = tx.execute(LOCK_STOCK, {"rows": encode(rows).decode()}).fetchall()
    return {(restaurant, item): Shelf(*shelf) for restaurant, item, *shelf in found}


def save(tx: Transaction, shelves: Shelves) -> None:
    """Write what changed: tickets, and stock. Counts first: what changes a counted dish came after."""
    known = [(order_id, t) for order_id, t in sorted(shelves.changed.items()) if order_id in shelves.known]
    new = [(order_id, t) for order_id, t in sorted(shelves.changed.items()) if order_id not in shelves.known]
    _write(tx, UPDATE_TICKETS, [_state(order_id, t) for order_id, t in known])
    _write(
        tx,
        INSERT_TICKETS,
        [
            _state(order_id, t) | {"restaurant_id": t.restaurant_id, "lines": t.lines, "traceparent": t.traceparent}
            for order_id, t in new
        ],
    )
    counts = sorted(shelves.counts.items())
    _write(
        tx,
        COUNT_STOCK,
        [{"restaurant_id": r, "item_id": i, "quantity": c.quantity, "counted_at": c.at} for (r, i), c in counts],
    )
    changes = sorted(shelves.stock_changes.items())
    _write(tx, CHANGE_STOCK, [{"restaurant_id": r, "item_id": i, "change": n} for (r, i), n in changes if n])


def _state(order_id: str, t: Ticket) -> dict[str, Any]:
    """What changes in the life of a ticket."""
    return {"order_id": order_id, "state": t.state, "held": t.held, "ready_in": t.ready_in}


def has_restaurants(tx: Transaction) -> bool:
    """Whether there is any."""
    return tx.execute(ANY_RESTAURANT).fetchone() is not None


def put_restaurant(tx: Transaction, restaurant_id: str, preparation_seconds: int | None, menu: str) -> bool:
    """Write a restaurant and its menu; False when both stood so already."""
    return tx.execute(PUT_RESTAURANT, [restaurant_id, preparation_seconds, menu]).fetchone() is not None


def add_stock(tx: Transaction, restaurant_id: str, quantities: Mapping[str, int]) -> None:
    """Put stock of dishes that never had any."""
    rows: Iterable[tuple[str, int]] = sorted(quantities.items())
    _write(tx, ADD_STOCK, [{"restaurant_id": restaurant_id, "item_id": i, "quantity": n} for i, n in rows])


def _write(tx: Transaction, statement: str, rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        tx.execute(statement, {"rows": encode(rows).decode()})
