"""The SQL of the mutations: one statement each, which is one transaction.

It holds only while the order still has the version that the decision was made on, and writes the order, the facts and
the journal rows together or not at all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, LiteralString
from uuid import UUID

from api.codec import text
from api.domain import Order
from api.events import TYPES, VERSIONS, Fact, StockSet
from api.store import Allowances, Cause, allowance
from chassis.database import AsyncTransaction
from chassis.failpoints import reach

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

# The same for any number of facts, in their order; one that made no version goes to the outbox alone. (For the usual
# single fact this would cost 0.05 ms more.)
ADVANCE_BY_SEVERAL = """
WITH saved AS (
  UPDATE orders SET version = %(version)s, since = %(since)s, document = %(document)s,
    open = %(allowance)s::int IS NOT NULL,
    due_tick = CASE WHEN since = %(since)s THEN due_tick ELSE (SELECT k FROM clock) + %(allowance)s::int END
  WHERE id = %(order)s::uuid AND version = %(was)s RETURNING id AS order_id),
told AS (
  SELECT * FROM saved, ROWS FROM (json_to_recordset(%(told)s::json)
    AS (id uuid, type text, schema_version smallint, data json, version int, document json))
    WITH ORDINALITY AS fact (id, type, schema_version, data, version, document, place)),
sent AS (
  INSERT INTO outbox (id, topic, type, key, payload, schema_version, traceparent)
  SELECT id, 'orders.events', type, order_id::text, data::text, schema_version, %(trace)s FROM told ORDER BY place)
INSERT INTO journal (id, type, key, payload, traceparent, order_id, version, data)
SELECT id, type, order_id::text, document::text, %(trace)s, order_id, version, data::text FROM told
WHERE version IS NOT NULL ORDER BY place
RETURNING version
"""

START_SHIFT = """
WITH started AS (
  INSERT INTO shift (courier_id, on_shift) VALUES (%(courier)s, true)
  ON CONFLICT (courier_id) DO UPDATE SET on_shift = true WHERE NOT shift.on_shift RETURNING courier_id)
INSERT INTO outbox (id, topic, type, key, payload, traceparent)
SELECT %(event)s, 'couriers.events', 'shift_started', courier_id, '{}', %(trace)s FROM started
"""

# No row: the restaurant has no such item. The lock keeps a restaurant's counts in the order they were decided in.
SET_STOCK = """
WITH kitchen AS (
  SELECT id FROM restaurant WHERE id = %(restaurant)s
    AND EXISTS (SELECT FROM json_array_elements(menu::json) AS dish WHERE dish->>'item_id' = %(item)s)
  FOR NO KEY UPDATE)
INSERT INTO outbox (id, topic, type, key, payload, traceparent)
SELECT %(event)s, 'restaurants.events', 'stock_set', id, %(data)s, %(trace)s FROM kitchen
RETURNING key
"""

END_SHIFT = """
WITH ended AS (UPDATE shift SET on_shift = false WHERE courier_id = %(courier)s AND on_shift RETURNING courier_id)
INSERT INTO outbox (id, topic, type, key, payload, traceparent)
SELECT %(event)s, 'couriers.events', 'shift_ended', courier_id, '{}', %(trace)s FROM ended
"""


@dataclass(frozen=True, slots=True)
class Told:
    """A fact that follows from a command, and the version it made; None when it left the order as it was."""

    id: UUID
    fact: Fact
    made: Order | None


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
        "order": made.id,
        "document": text(made),
        "allowance": allowed,
        "event": cause.id,
        "data": text(fact),
        "trace": cause.trace,
    }
    return await _write(db, PLACE, values)


async def advance(
    db: AsyncTransaction, was: int, told: Sequence[Told], allowances: Allowances, trace: str | None
) -> Order | None:
    """Writes what follows, one version at least; -> the last one; None: it has left `was`, nothing was written."""
    last = [one.made for one in told if one.made][-1]
    values = {
        "order": last.id,
        "was": was,
        "version": last.version,
        "since": last.since,
        "document": text(last),
        "allowance": allowance(last, allowances),
        "trace": trace,
    }
    if len(told) > 1:
        several = values | {"told": text([_row(one) for one in told])}
        return last if await _write(db, ADVANCE_BY_SEVERAL, several) else None
    (one,) = told
    single = values | {"event": one.id, "type": TYPES[type(one.fact)], "data": text(one.fact)}
    return last if await _write(db, ADVANCE, single) else None


def _row(one: Told) -> dict[str, Any]:
    version = one.made and one.made.version
    kind = type(one.fact)
    event = {"id": one.id, "type": TYPES[kind], "schema_version": VERSIONS.get(kind, 1), "data": one.fact}
    return {**event, "version": version, "document": one.made}


async def set_stock(db: AsyncTransaction, restaurant_id: str, stock: StockSet, cause: Cause) -> bool:
    """Publishes `stock_set`; False: nothing was written, because the restaurant has no such item on its menu."""
    values = {"restaurant": restaurant_id, "item": stock.item_id, "data": text(stock)}
    return await _write(db, SET_STOCK, values | {"event": cause.id, "trace": cause.trace})


async def start_shift(db: AsyncTransaction, courier_id: str, cause: Cause) -> None:
    """Publishes `shift_started`, unless the courier is on shift."""
    await _write(db, START_SHIFT, {"courier": courier_id, "event": cause.id, "trace": cause.trace})


async def end_shift(db: AsyncTransaction, courier_id: str, cause: Cause) -> None:
    """Publishes `shift_ended`, unless the courier is off shift."""
    await _write(db, END_SHIFT, {"courier": courier_id, "event": cause.id, "trace": cause.trace})


async def _write(db: AsyncTransaction, statement: LiteralString, values: dict[str, Any]) -> bool:
    """Whether the statement wrote what it is for."""
    reach("api.before_statement")
    cursor = await db.execute(statement, values)
    reach("api.after_statement")
    return cursor.rowcount > 0
