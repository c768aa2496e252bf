"""What must hold when the explorer's world has come to rest: I1 to I8, I11 and I12, judged from outside.

The judge reads the bank's book, the log and the rows by tables of its own; what an order's versions must be is in
versions.py. I3, I5 and I11 hold the model against its own ledger: they show that the model is sound, and no service.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from api.domain import Order, Status
from delivery import events
from explore import ledger
from explore.log import JOURNAL, ORDERS, Record
from explore.versions import versions
from explore.world import COURIERS, World

SETTLEMENTS = ("payment_refunded", "payment_released", "refund_failed")
ONCE = (
    *("order_created", "payment_completed", "order_accepted"),
    *("order_picked_up", "order_delivered", "order_cancelled"),
)


def judge(world: World) -> Iterator[str]:
    """Every violation."""
    facts: dict[str, list[Record]] = {order_id: [] for order_id in world.api.orders}
    for record in world.log.wal:
        if record.said.topic == ORDERS:
            facts[record.said.key].append(record)
    for order in world.api.orders.values():
        types = Counter(record.said.type for record in facts[order.id])
        yield from _money(world, order, types)
        yield from _ends(order, types)
        yield from versions(world, order, facts[order.id])
        yield from _once(facts[order.id], types)
        yield from _assignments(world, order.id)
        yield from _at_rest(world, order)
    yield from _topics(world)
    yield from _resources(world)
    yield from at_quiet(world)


def at_quiet(world: World) -> Iterator[str]:
    """Whenever nothing moves: nobody who left keeps a waiting order, who picked up has it, and nothing is parked."""
    picked_up = {r.said.key: r.said.data.courier_id for r in world.log.wal if r.said.type == "order_picked_up"}
    for order_id, job in world.delivery.jobs.items():
        if job.state == "ASSIGNED" and not world.on_shift(job.courier_id or ""):
            yield "I7: a courier who left keeps an order"
        if job.state in ("SEARCHING", "ASSIGNED", "PICKED_UP") and job.courier_id != picked_up.get(
            order_id, job.courier_id
        ):
            yield "I7: an order is not with who picked it up"
    if any(service.parked for service in world.services):
        yield "I11: something is parked"


def _money(world: World, order: Order, types: Counter[str]) -> Iterator[str]:
    """I1, and I7's settlement."""
    intent = world.payment.bank.intents.get(order.id)
    captures, kept = (intent.captures, intent.captures - intent.refunds) if intent else (0, 0)
    settled = [kind for kind in SETTLEMENTS for _ in range(types[kind])]
    if captures > 1:
        yield "I1: captured twice"
    if order.status is Status.DELIVERED and (kept != 1 or settled):
        yield f"I1: delivered, {kept} captured, settled {settled}"
    if order.status is Status.CANCELLED and kept != settled.count("refund_failed"):
        yield f"I1: cancelled, {kept} captured, settled {settled}"
    if order.status is Status.CANCELLED and len(settled) != 1:
        yield f"I7: settled {len(settled)} times"
    if settled == ["payment_refunded"] and captures != 1:
        yield "I7: refunded what was never captured"


def _ends(order: Order, types: Counter[str]) -> Iterator[str]:
    """I2, I6: each order has one end, and api shows what payment said."""
    if order.status not in (Status.DELIVERED, Status.CANCELLED):
        yield f"I2: hangs in {order.status}"
    if types["order_cancelled"] + types["order_delivered"] != 1:
        yield "I6: not one end"
    if order.status is Status.CANCELLED and f"payment_{order.payment.status.lower()}" not in (
        "payment_refunded",
        "payment_released",
        "payment_refund_failed",
    ):
        yield f"I2: cancelled and {order.payment.status}"


def _once(facts: list[Record], types: Counter[str]) -> Iterator[str]:
    """I7: each fact is emitted once; what two may say once by each of them, a decline once for each card."""
    yield from (f"I7: {kind} emitted {types[kind]} times" for kind in ONCE if types[kind] > 1)
    for kind in ("order_ready", "items_out_of_stock"):
        if any(n > 1 for n in Counter(record.source for record in facts if record.said.type == kind).values()):
            yield f"I7: {kind} emitted twice"
    for kind in ("payment_failed", "payment_retry_requested"):
        if any(n > 1 for n in Counter(r.said.data.attempt for r in facts if r.said.type == kind).values()):
            yield f"I7: {kind} emitted twice for one card"


def _assignments(world: World, order_id: str) -> Iterator[str]:
    """Couriers are counted from 1, and one is replaced only for a shift that ended."""
    ended: Counter[str] = Counter()
    given: list[events.DeliveryAssigned] = []
    for said in (record.said for record in world.log.wal):
        ended[said.key] += said.type == "shift_ended"
        if (said.type, said.key) == ("delivery_assigned", order_id):
            given.append(said.data)
            replaced = Counter(fact.courier_id for fact in given[:-1])
            if any(times > ended[courier_id] for courier_id, times in replaced.items()):
                yield "I7: a courier is replaced who did not leave"
    if [fact.n for fact in given] != list(range(1, len(given) + 1)):
        yield f"I7: assignments counted {[fact.n for fact in given]}"


def _at_rest(world: World, order: Order) -> Iterator[str]:
    """I7: nobody works on a closed order."""
    job = world.delivery.jobs.get(order.id)
    ticket = world.restaurant.tickets.get(order.id)
    if job is None or job.state != "CLOSED":
        yield f"I7: delivery has {job.state if job else 'nothing'}"
    if ticket is None or ticket.state != "CLOSED":
        yield f"I7: restaurant has {ticket.state if ticket else 'nothing'}"
    if order.id in world.payment.due():
        yield "I7: payment still asks"


def _topics(world: World) -> Iterator[str]:
    """I3, I5, of the model: one order a key; topics are what was committed, in order, once repeats are dropped."""
    if sorted(order_id for order_id, _ in world.api.placements.values()) != sorted(world.api.orders):
        yield "I3: keys and orders differ"
    for topic, records in world.log.topics.items():
        wanted = [record.id for record in world.log.wal if record.said.topic == topic]
        if list(dict.fromkeys(record.id for record in records if not record.garbage)) != wanted:
            yield f"I5: {topic} is not what was committed"
    published: dict[str, list[int]] = {}
    for record in {record.id: record for record in world.log.topics[JOURNAL]}.values():
        published.setdefault(record.said.key, []).append(record.said.data.version)
    if any(versions != list(range(1, len(versions) + 1)) for versions in published.values()):
        yield "I4: the journal's topic has a gap"


def _resources(world: World) -> Iterator[str]:
    """I7: couriers are free, stock is what a book of its own says: back unless a dish was ready."""
    if sorted(world.delivery.couriers) != sorted(COURIERS):
        yield "I7: a courier is gone"
    if any(courier.orders for courier in world.delivery.couriers.values()):
        yield "I7: a courier is not free"
    if world.restaurant.stock != (expected := ledger.shelves(world)):
        wrong = {place for place in expected if world.restaurant.stock.get(place) != expected[place]}
        yield "I7: stock is lost" if any(world.restaurant.stock[p] < expected[p] for p in wrong) else "I7: stock grew"
    ready = {record.said.key for record in world.log.wal if record.said.type == "order_ready"}
    for order_id, ticket in world.restaurant.tickets.items():
        if ticket.held and order_id not in ready:
            yield "I7: stock of a dish that was never ready is not back"
