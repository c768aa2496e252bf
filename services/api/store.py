"""The SQL of the projector, which locks its rows first and saves a whole batch, and what all writers share.

What http writes stands in mutations.py, what it only reads in queries.py.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from api.codec import order_of, text
from api.domain import Order, waiting_for
from api.events import TYPES, Fact, MenuPublished, Reason
from chassis.database import Transaction

Allowances = Mapping[Reason, int]

LIMITED = 500  # deadlines asked for in one scan
ASK_AGAIN_TICKS = 60  # a deadline event that was lost with its key's parked row is asked for again


def allowance(order: Order, allowances: Allowances) -> int | None:
    """Ticks until the order's present wait is over; None when nothing is waited for. The one that is running does not
    count: people are told a moment before which nothing ends."""
    reason = waiting_for(order)
    return None if reason is None else allowances[reason] + 1


@dataclass(frozen=True, slots=True)
class Cause:
    """The event that made a version: its id, and the trace it belongs to."""

    id: UUID
    trace: str | None = None


LOCK = "SELECT document FROM orders WHERE id = ANY(%s::uuid[]) ORDER BY id FOR UPDATE"

# The rows are locked. A column of type json keeps the document's bytes as they are. The LIMIT tells the planner how
# long the list is: without it json_to_recordset counts for 100 rows, and orders would be read whole for them.
SAVE = """
WITH saved AS (
  UPDATE orders SET version = new.version, since = new.since, open = new.allowance IS NOT NULL,
    courier_id = new.courier_id, document = new.document::text,
    due_tick = CASE WHEN orders.since = new.since THEN due_tick ELSE (SELECT k FROM clock) + new.allowance END
  FROM (SELECT * FROM json_to_recordset(%(states)s::json) AS state
          (id uuid, version int, since int, allowance int, courier_id text, document json)
        LIMIT json_array_length(%(states)s::json)) AS new
  WHERE orders.id = new.id)
INSERT INTO journal (id, type, key, payload, traceparent, at, order_id, version, data)
SELECT id, type, order_id::text, document::text, trace, coalesce(at, now()), order_id, version, data::text
FROM ROWS FROM (json_to_recordset(%(versions)s::json) AS (id uuid, type text, trace text, at timestamptz, order_id uuid,
     version int, document json, data json))
     WITH ORDINALITY AS made (id, type, trace, at, order_id, version, document, data, place)
ORDER BY place
"""

# The clock advances by one, however many ticks were read at once: it stood while its reader stood. (A leap would end
# waits that began when the facts behind them were read, a moment ago.) A tick may be read twice; it never goes back.
COUNT_TICK = "UPDATE clock SET k = k + 1, tick = %(tick)s WHERE tick < %(tick)s"

SAVE_MENUS = """
INSERT INTO restaurant (id, name, currency, menu, revision)
SELECT id, name, currency, menu::text, revision
FROM json_to_recordset(%s::json) AS new (id text, name text, currency text, menu json, revision uuid) ORDER BY id
ON CONFLICT (id) DO UPDATE
SET name = excluded.name, currency = excluded.currency, menu = excluded.menu, revision = excluded.revision
"""

# The deadline as an event, through the outbox: what it means is decided when it comes back out of the log.
ASK_DEADLINES = """
WITH due AS (
  SELECT id FROM orders WHERE due_tick <= (SELECT k FROM clock) ORDER BY due_tick LIMIT %s FOR UPDATE SKIP LOCKED),
asked AS (
  UPDATE orders SET due_tick = (SELECT k FROM clock) + %s FROM due WHERE orders.id = due.id
  RETURNING orders.id, orders.since)
INSERT INTO outbox (id, topic, type, key, payload)
SELECT event_id(), 'orders.events', 'deadline_passed', id::text, json_build_object('since', since)::text FROM asked
RETURNING key
"""

OVERDUE = """
SELECT k, k - (SELECT min(due_tick) FROM orders WHERE due_tick IS NOT NULL) FROM clock
"""


@dataclass(frozen=True, slots=True)
class Version:
    """One version of an order and the event that made it; `at` is None for an event of this transaction."""

    fact: Fact
    order: Order
    cause: Cause
    at: datetime | None


def lock_orders(tx: Transaction, order_ids: Sequence[str]) -> Callable[[], dict[str, Order]]:
    """Locks the orders, by id; the answer is fetched when the returned function is called. All ids must be UUIDs."""
    cursor = tx.execute(LOCK, ("{" + ",".join(order_ids) + "}",))
    return lambda: {order.id: order for order in (order_of(row[0]) for row in cursor)}


def save_versions(tx: Transaction, versions: Sequence[Version], allowances: Allowances) -> None:
    """Saves locked orders at their last version, and appends every version to the journal."""
    last = {version.order.id: version.order for version in versions}
    states = [
        {
            "id": order.id,
            "version": order.version,
            "since": order.since,
            "allowance": allowance(order, allowances),
            "courier_id": order.courier_id,
            "document": order,
        }
        for order in last.values()
    ]
    rows = [
        {
            "id": v.cause.id,
            "type": TYPES[type(v.fact)],
            "trace": v.cause.trace,
            "at": v.at,
            "order_id": v.order.id,
            "version": v.order.version,
            "document": v.order,
            "data": v.fact,
        }
        for v in versions
    ]
    tx.execute(SAVE, {"states": text(states), "versions": text(rows)})


def count_tick(tx: Transaction, tick: int) -> None:
    """The clock advances by one if `tick`, the youngest of a batch, is a new one."""
    tx.execute(COUNT_TICK, {"tick": tick})


def save_menus(tx: Transaction, menus: Mapping[str, tuple[UUID, MenuPublished]]) -> None:
    """Replaces menus, by restaurant: (id of the event, menu)."""
    rows = [
        {"id": key, "name": menu.name, "currency": menu.currency, "menu": menu.items, "revision": revision}
        for key, (revision, menu) in menus.items()
    ]
    tx.execute(SAVE_MENUS, (text(rows),))


def ask_deadlines(tx: Transaction) -> list[str]:
    """Publishes `deadline_passed` for the orders whose wait is over by the clock; -> their ids."""
    return [row[0] for row in tx.execute(ASK_DEADLINES, (LIMITED, ASK_AGAIN_TICKS))]


def overdue(tx: Transaction) -> tuple[int, int | None]:
    """The clock, and the ticks since the oldest wait used up its allowance (negative: until it does)."""
    (row,) = tx.execute(OVERDUE)
    return row[0], row[1]
