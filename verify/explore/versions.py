"""What must hold of an order's versions: I4, I6, I8, I12, and that no fact was lost on the way to them.

What a fact must do to an order is said here once more, in tables of the judge's own. One check of I12 asks api for its
fold: it judges whether the versions are what that fold makes of their facts, and not the fold.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise

import msgspec

from api.domain import Order, Status, evolve
from api.events import READS, TYPES, Fact
from explore.log import JOURNAL, Record, convert
from explore.service import Handled
from explore.world import World

PATH = ("NONE", "PLACED", "PAID", "COURIER_ASSIGNED", "ACCEPTED", "READY", "PICKED_UP", "DELIVERED")
LEGAL = {*pairwise(PATH), *((status, "CANCELLED") for status in PATH[1:-1])}
SETTLED = ("REFUNDED", "RELEASED", "REFUND_FAILED")

MOVES = {
    ("PLACED", "payment_completed"),
    ("COURIER_ASSIGNED", "order_accepted"),
    ("ACCEPTED", "order_ready"),
}
"""(Status, another's fact) that must make a version, whatever else the order says."""
WITH_COURIER = ("PAID", "COURIER_ASSIGNED", "ACCEPTED", "READY")
UNDOING = {
    "payment_completed": ("PENDING", "FAILED"),
    **dict.fromkeys(("payment_released", "payment_refunded", "refund_failed"), ("PENDING", "FAILED", "REFUNDING")),
}
"""Another's fact → where the money of a cancelled order stands when it must make a version."""
OTHERS = {*(kind for _, kind in MOVES), *UNDOING, "delivery_assigned", "payment_failed"}
NO_VERSION = ("deadline_passed", "items_out_of_stock")
"""What api says of an order and its document does not show."""


def versions(world: World, order: Order, facts: Sequence[Record]) -> Iterator[str]:
    """Every violation of one order. `facts`: what was said about it, in the log's order."""
    journal = world.api.journal[order.id]
    made = [after for _, after in journal]
    if [after.version for after in made] != list(range(1, len(made) + 1)):
        yield "I4: versions have a gap"
    seen = [str(Status.NONE), *(str(after.status) for after in made)]
    steps = {(a, b) for a, b in pairwise(seen) if a != b}
    if steps - LEGAL:
        yield f"I6: illegal {sorted(steps - LEGAL)}"
    if any(_closed(after) for after in made[:-1]):
        yield "I8: a version after the end of the stream"
    yield from _allowance(made)
    folded = accumulate((fact for fact, _ in journal), evolve, initial=Order(order.id))
    if msgspec.json.encode([*folded][1:]) != msgspec.json.encode(made) or order != made[-1]:
        yield "I12: the journal's fold is not the document"
    yield from _said(journal, facts)
    yield from _lost(world, order.id, facts)


def _allowance(made: Sequence[Order]) -> Iterator[str]:
    """I2: the time for another card begins with the first decline, and no card prolongs it."""
    trying = [after for after in made if after.status == "PLACED" and after.payment.attempt > 1]
    declined = next((after.version for after in made if after.payment.status == "FAILED"), None)
    if any(after.since != declined for after in trying):
        yield "I2: another card prolonged the wait"


def _closed(order: Order) -> bool:
    return order.status is Status.DELIVERED or order.payment.status in SETTLED


def _said(journal: Sequence[tuple[Fact, Order]], facts: Sequence[Record]) -> Iterator[str]:
    """I12: each version was made by a fact that was said, and each fact of api itself made one."""
    made = Counter(fact for fact, _ in journal)
    own = Counter(r.said.data for r in facts if r.source == "api" and r.said.type not in NO_VERSION)
    others = Counter(_fact(r) for r in facts if r.source != "api" and r.said.type in OTHERS)
    yield from (f"I12: a version of {TYPES[type(fact)]}, which nobody said" for fact in made - own - others)
    yield from (f"I12: lost update: {TYPES[type(fact)]} of api itself is in no version" for fact in own - made)


def _lost(world: World, order_id: str, facts: Sequence[Record]) -> Iterator[str]:
    """I12: what another service said of the order is in a version, if it had to change what stood when it was read."""
    read = [one for one in world.api.handled if one.record.said.key == order_id and one.record.said.type in OTHERS]
    ids = {one.record.id for one in read}
    for record in facts:
        if record.source != "api" and record.said.type in OTHERS and record.id not in ids:
            yield f"I12: lost update: {record.said.type} was never handled"
    journal = world.api.journal[order_id]
    at = {fact: version for version, (fact, _) in enumerate(journal, start=1)}
    made = [at.get(_fact(one.record), 0) for one in read]
    if all(made):
        return
    committed = [r.id for r in world.log.wal if r.said.topic == JOURNAL and r.said.key == order_id]
    orders = [Order(order_id), *(after for _, after in journal)]
    for place, one in enumerate(read):
        first, last = _between(one, made[:place], made[place + 1 :], committed)
        possible = orders[first : last + 1]
        if not made[place] and possible and all(_must_change(order, one.record) for order in possible):
            yield f"I12: lost update: {one.record.said.type} is in no version"


def _between(one: Handled, earlier: Sequence[int], later: Sequence[int], committed: Sequence[int]) -> tuple[int, int]:
    """-> the first and the last version that the order can have had when this was folded."""
    first = max(bisect_left(committed, one.since), *earlier, 0)
    return first, min([bisect_left(committed, one.until), *(version - 1 for version in later if version > first)])


def _must_change(order: Order, record: Record) -> bool:
    kind, data, paid = record.said.type, record.said.data, order.payment
    if order.status == "CANCELLED":
        return paid.status in UNDOING.get(kind, ())
    if kind == "delivery_assigned":
        return order.status in WITH_COURIER and data.courier_id != order.courier_id
    if kind == "payment_failed":
        return order.status == "PLACED" and paid.status == "PENDING" and data.attempt >= paid.attempt
    return (order.status, kind) in MOVES


def _fact(record: Record) -> Fact:
    """As api reads it."""
    fact: Fact = convert(record.said.data, READS[record.said.type])
    return fact
