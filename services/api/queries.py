"""What the GraphQL queries read: pages of orders, restaurants, timelines. SQL that changes nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from api.codec import order_of
from api.domain import Order, Restaurant
from api.store import Offer, offer_of, order
from chassis.database import AsyncTransaction

__all__ = ["LAST_ID", "Entry", "Page", "order", "orders", "restaurant", "restaurants", "timelines"]

LAST_ID = "ffffffff-ffff-ffff-ffff-ffffffffffff"

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
SELECT order_id::text, version, type, payload::json->>'status', at FROM journal
WHERE order_id = ANY(%s::uuid[]) ORDER BY order_id, version
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of an order's timeline."""

    version: int
    event: str
    status: str
    at: datetime


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


async def orders(db: AsyncTransaction, page: Page) -> list[Order]:
    """Up to `page.limit` orders."""
    wanted = {"limit": page.limit, "before": page.before, "closed": page.closed}
    mine = {"customer": page.customer, "restaurant": page.restaurant, "courier": page.courier}
    cursor = await db.execute(PAGE_OF_ALL, wanted) if page.everybody else await db.execute(PAGE, wanted | mine)
    return [order_of(document) for (document,) in await cursor.fetchall()]


async def restaurant(db: AsyncTransaction, restaurant_id: str) -> Offer | None:
    """The restaurant with its menu, or None."""
    row = await (await db.execute(RESTAURANT, (restaurant_id,))).fetchone()
    return offer_of(row) if row else None


async def restaurants(db: AsyncTransaction, after: tuple[str, str], limit: int) -> list[Restaurant]:
    """Up to `limit` restaurants behind (name, id)."""
    cursor = await db.execute(RESTAURANTS, (*after, limit))
    return [offer_of(row).restaurant for row in await cursor.fetchall()]


async def timelines(db: AsyncTransaction, order_ids: Sequence[str]) -> dict[str, list[Entry]]:
    """Every order's timeline, oldest first; one statement for any number of orders."""
    found: dict[str, list[Entry]] = {order_id: [] for order_id in order_ids}
    cursor = await db.execute(TIMELINES, ("{" + ",".join(found) + "}",))
    for order_id, *entry in await cursor.fetchall():
        found[order_id].append(Entry(*entry))
    return found
