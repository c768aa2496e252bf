"""What http reads, for queries and before it decides: all SQL that changes nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from api.codec import menu_of, order_of
from api.domain import Order, Restaurant
from api.presentation import Entry
from chassis.database import AsyncTransaction

LAST_ID = "ffffffff-ffff-ffff-ffff-ffffffffffff"

ORDER = "SELECT document FROM orders WHERE id = %s::uuid"

# Waits for a writer that has not ended yet: its commit may be in the log, and pushed, before others can see it.
ORDER_BEHIND_WRITERS = "SELECT document FROM orders WHERE id = %s::uuid FOR SHARE"

# The order's document holds no token: the card that an attempt was made with stands in the fact that asked for it.
CARD = """
SELECT data::json->>'payment_method' FROM journal
WHERE order_id = %s::uuid AND type = 'payment_retry_requested' AND (data::json->>'attempt')::int = %s
"""

# What is known of a placing: an earlier one by the same key, and the restaurant as it is now. Always one row.
RECALL = """
SELECT placement.input, orders.document, restaurant.id, restaurant.name, restaurant.currency, restaurant.menu,
       restaurant.revision
FROM (SELECT) AS one
LEFT JOIN placement ON placement.customer_id = %(customer)s AND placement.key = %(key)s
LEFT JOIN orders ON orders.id = placement.order_id
LEFT JOIN restaurant ON restaurant.id = %(restaurant)s
"""

# A page of the orders of one customer, restaurant or courier: two of the three are null, and cost nothing.
PAGE = """
SELECT document FROM (
  (SELECT id, document FROM orders WHERE customer_id = %(customer)s AND open AND id < %(before)s::uuid
   ORDER BY id DESC LIMIT %(limit)s)
  UNION ALL
  (SELECT id, document FROM orders WHERE customer_id = %(customer)s AND NOT open AND %(closed)s
   AND id < %(before)s::uuid ORDER BY id DESC LIMIT %(limit)s)
  UNION ALL
  (SELECT id, document FROM orders WHERE restaurant_id = %(restaurant)s AND open AND id < %(before)s::uuid
   ORDER BY id DESC LIMIT %(limit)s)
  UNION ALL
  (SELECT id, document FROM orders WHERE restaurant_id = %(restaurant)s AND NOT open AND %(closed)s
   AND id < %(before)s::uuid ORDER BY id DESC LIMIT %(limit)s)
  UNION ALL
  (SELECT id, document FROM orders WHERE courier_id = %(courier)s AND open AND id < %(before)s::uuid
   ORDER BY id DESC LIMIT %(limit)s)
  UNION ALL
  (SELECT id, document FROM orders WHERE courier_id = %(courier)s AND NOT open AND %(closed)s
   AND id < %(before)s::uuid ORDER BY id DESC LIMIT %(limit)s)
) AS mine ORDER BY id DESC LIMIT %(limit)s
"""

PAGE_OF_ALL = """
SELECT document FROM orders WHERE (open OR %(closed)s) AND id < %(before)s::uuid ORDER BY id DESC LIMIT %(limit)s
"""

RESTAURANT = "SELECT id, name, currency, menu, revision FROM restaurant WHERE id = %s"

RESTAURANTS = """
SELECT id, name, currency, menu, revision FROM restaurant WHERE (name, id) > (%s::text, %s::text)
ORDER BY name, id LIMIT %s
"""

TIMELINES = """
SELECT key, type, at, payload FROM journal
WHERE order_id = ANY(%s::uuid[]) ORDER BY order_id, version
"""


@dataclass(frozen=True, slots=True)
class Offer:
    """A restaurant's menu and the revision its prices are of."""

    restaurant: Restaurant
    revision: UUID


@dataclass(frozen=True, slots=True)
class Recalled:
    """`input` and `order` of the customer's earlier placing by the same key, when there was one."""

    input: bytes | None
    order: Order | None
    offer: Offer | None


@dataclass(frozen=True, slots=True)
class Page:
    """Which orders: newest first, those older than `before`; `closed` takes the ended ones too."""

    limit: int
    before: str = LAST_ID
    closed: bool = True
    customer: str | None = None
    restaurant: str | None = None
    courier: str | None = None
    everybody: bool = False


async def order(db: AsyncTransaction, order_id: str) -> Order | None:
    """The order, or None; `order_id` must be a UUID."""
    row = await (await db.execute(ORDER, (order_id,))).fetchone()
    return order_of(row[0]) if row else None


async def order_behind_writers(db: AsyncTransaction, order_id: str) -> Order | None:
    """As `order`, with everything that anybody can have been pushed of it."""
    row = await (await db.execute(ORDER_BEHIND_WRITERS, (order_id,))).fetchone()
    return order_of(row[0]) if row else None


async def card(db: AsyncTransaction, order_id: str, attempt: int | None) -> str | None:
    """The token of an attempt behind the first one, or None."""
    row = await (await db.execute(CARD, (order_id, attempt))).fetchone()
    return row[0] if row else None


async def recall(db: AsyncTransaction, customer_id: str, key: str, restaurant_id: str) -> Recalled:
    """What is known before placing."""
    wanted = {"customer": customer_id, "key": key, "restaurant": restaurant_id}
    row = await (await db.execute(RECALL, wanted)).fetchone()
    if row is None:
        raise AssertionError("RECALL answers with one row")
    return Recalled(row[0], order_of(row[1]) if row[1] else None, _offer(row[2:]) if row[2] is not None else None)


def _offer(row: Sequence[Any]) -> Offer:
    key, name, currency, menu, revision = row
    return Offer(Restaurant(key, name, currency, menu_of(menu)), revision)


async def orders(db: AsyncTransaction, page: Page) -> list[Order]:
    """Up to `page.limit` orders."""
    wanted = {"limit": page.limit, "before": page.before, "closed": page.closed}
    mine = {"customer": page.customer, "restaurant": page.restaurant, "courier": page.courier}
    cursor = await db.execute(PAGE_OF_ALL, wanted) if page.everybody else await db.execute(PAGE, wanted | mine)
    return [order_of(document) for (document,) in await cursor.fetchall()]


async def restaurant(db: AsyncTransaction, restaurant_id: str) -> Offer | None:
    """The restaurant with its menu, or None."""
    row = await (await db.execute(RESTAURANT, (restaurant_id,))).fetchone()
    return _offer(row) if row else None


async def restaurants(db: AsyncTransaction, after: tuple[str, str], limit: int) -> list[Restaurant]:
    """Up to `limit` restaurants behind (name, id)."""
    cursor = await db.execute(RESTAURANTS, (*after, limit))
    return [_offer(row).restaurant for row in await cursor.fetchall()]


async def timelines(db: AsyncTransaction, order_ids: Sequence[str]) -> dict[str, list[Entry]]:
    """Every order's timeline, oldest first; one statement for any number of orders."""
    found: dict[str, list[Entry]] = {order_id: [] for order_id in order_ids}
    cursor = await db.execute(TIMELINES, ("{" + ",".join(found) + "}",))
    for order_id, event, at, document in await cursor.fetchall():
        found[order_id].append(Entry(event, at, order_of(document)))
    return found
