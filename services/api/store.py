"""The SQL of api's writers, http and projector. (What http only reads stands in queries.py.)

http saves with one statement, which is one transaction: it holds only while the order still has the version that the
decision was made on, and writes the order, the fact and the journal row together or not at all. The projector locks its
rows first, and saves a whole batch.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from api.codec import fact_of, order_of, text
from api.domain import Order, waiting_for
from api.events import TYPES, Fact, MenuPublished, Reason
from chassis.database import AsyncTransaction, Transaction

Allowances = Mapping[Reason, int]

LIMITED = 500  # deadlines asked for in one scan
ASK_AGAIN_TICKS = 60  # a deadline event that was lost with its key's parked row is asked for again


def allowance(order: Order, allowances: Allowances) -> int | None:
    """Ticks the order's present wait may last; None when nothing is waited for."""
    reason = waiting_for(order)
    return None if reason is None else allowances[reason]


# -- http -----------------------------------------------------------------------------------------------------------

# No row: the menu has changed since it was read, or the key is taken.
PLACE = """
WITH offered AS (SELECT FROM restaurant WHERE id = %(restaurant)s AND revision = %(revision)s),
placed AS (
  INSERT INTO placement (customer_id, key, order_id, input)
  SELECT %(customer)s, %(key)s, %(order)s::uuid, %(input)s FROM offered
  ON CONFLICT DO NOTHING RETURNING order_id),
made AS (
  INSERT INTO orders (id, version, since, open, customer_id, restaurant_id, due_tick, document)
  SELECT order_id, 1, 1, true, %(customer)s, %(restaurant)s, (SELECT k FROM clock) + %(allowance)s, %(document)s
  FROM placed),
sent AS (
  INSERT INTO outbox (id, topic, type, key, payload, traceparent)
  SELECT %(event)s, 'orders.events', 'order_created', order_id::text, %(data)s, %(trace)s FROM placed)
INSERT INTO journal (id, type, key, payload, traceparent, order_id, version, data)
SELECT %(event)s, 'order_created', order_id::text, %(document)s, %(trace)s, order_id, 1, %(data)s FROM placed
RETURNING version
"""

# No row: the order has another version by now. A wait that goes on keeps its deadline.
ADVANCE = """
WITH saved AS (
  UPDATE orders SET version = %(version)s, since = %(since)s, document = %(document)s,
    open = %(allowance)s::int IS NOT NULL,
    due_tick = CASE WHEN since = %(since)s THEN due_tick ELSE (SELECT k FROM clock) + %(allowance)s::int END
  WHERE id = %(order)s::uuid AND version = %(was)s RETURNING id),
sent AS (
  INSERT INTO outbox (id, topic, type, key, payload, traceparent)
  SELECT %(event)s, 'orders.events', %(type)s, id::text, %(data)s, %(trace)s FROM saved)
INSERT INTO journal (id, type, key, payload, traceparent, order_id, version, data)
SELECT %(event)s, %(type)s, id::text, %(document)s, %(trace)s, id, %(version)s, %(data)s FROM saved
RETURNING version
"""

START_SHIFT = """
WITH started AS (
  INSERT INTO shift (courier_id, on_shift) VALUES (%(courier)s, true)
  ON CONFLICT (courier_id) DO UPDATE SET on_shift = true WHERE NOT shift.on_shift RETURNING courier_id)
INSERT INTO outbox (id, topic, type, key, payload, traceparent)
SELECT %(event)s, 'couriers.events', 'shift_started', courier_id, '{}', %(trace)s FROM started
"""

END_SHIFT = """
WITH ended AS (UPDATE shift SET on_shift = false WHERE courier_id = %(courier)s AND on_shift RETURNING courier_id)
INSERT INTO outbox (id, topic, type, key, payload, traceparent)
SELECT %(event)s, 'couriers.events', 'shift_ended', courier_id, '{}', %(trace)s FROM ended
"""


@dataclass(frozen=True, slots=True)
class Cause:
    """The event that made a version: its id, and the trace it belongs to."""

    id: UUID
    trace: str | None = None


@dataclass(frozen=True, slots=True)
class Placing:
    """A decided order and what its customer's key is to stand for."""

    customer_id: str
    key: str
    input: bytes
    revision: UUID


async def place(
    db: AsyncTransaction, placing: Placing, fact: Fact, made: Order, allowed: int | None, cause: Cause
) -> bool:
    """Writes a new order; False: nothing was written, because the key is taken or the menu has changed."""
    values = {
        "customer": placing.customer_id,
        "key": placing.key,
        "input": placing.input,
        "restaurant": made.restaurant_id,
        "revision": placing.revision,
    }
    return await _write(db, PLACE, values | _version(fact, made, allowed, cause))


async def advance(db: AsyncTransaction, was: int, fact: Fact, made: Order, allowed: int | None, cause: Cause) -> bool:
    """Writes the order's next version; False: nothing was written, because the order has left version `was`."""
    return await _write(db, ADVANCE, {"was": was} | _version(fact, made, allowed, cause))


def _version(fact: Fact, made: Order, allowed: int | None, cause: Cause) -> dict[str, Any]:
    return {
        "order": made.id,
        "version": made.version,
        "since": made.since,
        "document": text(made),
        "allowance": allowed,
        "event": cause.id,
        "type": TYPES[type(fact)],
        "data": text(fact),
        "trace": cause.trace,
    }


async def _write(db: AsyncTransaction, statement: LiteralString, values: dict[str, Any]) -> bool:
    return await (await db.execute(statement, values)).fetchone() is not None


async def start_shift(db: AsyncTransaction, courier_id: str, cause: Cause) -> None:
    """Publishes `shift_started`, unless the courier is on shift."""
    await db.execute(START_SHIFT, {"courier": courier_id, "event": cause.id, "trace": cause.trace})


async def end_shift(db: AsyncTransaction, courier_id: str, cause: Cause) -> None:
    """Publishes `shift_ended`, unless the courier is off shift."""
    await db.execute(END_SHIFT, {"courier": courier_id, "event": cause.id, "trace": cause.trace})


# -- projector ---------------------------------------------------------------------------------------------------------

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

HISTORY = "SELECT type, data, payload FROM journal WHERE order_id = %s::uuid ORDER BY version"


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


def history(tx: Transaction, order_id: str) -> list[tuple[Fact, str]]:
    """The order's facts with the document each of them made, from version 1: what `replay` folds."""
    return [(fact_of(kind, data), document) for kind, data, document in tx.execute(HISTORY, (order_id,))]
