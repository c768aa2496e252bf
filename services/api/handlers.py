"""The projector: folds the other services' facts into orders, and keeps the clock and the menus.

Its own service's facts are skipped (the mutation that made them has folded them), but for `deadline_passed`: what that
means, the order says when it is read.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from api import meters, store
from api.domain import Order, decide, evolve, is_id, steps
from api.events import TYPES, Fact, MenuPublished, Tick
from api.store import Allowances, Cause, Version
from chassis.consumer import Batch
from chassis.database import Database, Transaction
from chassis.envelope import Event, Received
from chassis.errors import Poison, Transient
from chassis.outbox import publish
from chassis.telemetry import log

TOPICS = ("orders.events", "restaurants.events", "ticks")
# An order behind a parked event must still be able to end, and one bad tick must not stop the clock.
PASSES = frozenset({"deadline_passed", "tick"})

# With a synchronous standby an event can be read before its transaction can be seen; behind this it is no such order.
INVISIBLE = timedelta(seconds=60)


def wants(kind: str, source: str) -> bool:
    """api reads of itself only the deadlines."""
    return source != "api" or kind == "deadline_passed"


@dataclass
class Folding:
    """What a batch makes: orders as they are now, their new versions, and what is to be published."""

    orders: dict[str, Order]
    versions: list[Version] = field(default_factory=list)
    sent: list[Event] = field(default_factory=list)
    menus: dict[str, tuple[UUID, MenuPublished]] = field(default_factory=dict)
    tick: int = 0


class Projector:
    """The handler of the consumer; holds nothing between batches."""

    def __init__(self, allowances: Allowances) -> None:
        self._allowances = allowances

    def handle(self, tx: Transaction, batch: Batch) -> None:
        """Load, decide, save; commits nothing."""
        locked = store.lock_orders(tx, [key for key in batch.keys if is_id(key)])
        events = batch.events
        folding = Folding(locked())
        for event in events:
            fold(folding, event)
        self._save(tx, folding)

    def _save(self, tx: Transaction, folding: Folding) -> None:
        if folding.tick:
            store.count_tick(tx, folding.tick)
        if folding.menus:
            store.save_menus(tx, folding.menus)
        if folding.versions:
            store.save_versions(tx, folding.versions, self._allowances)
        if folding.sent:
            publish(tx, folding.sent)


def fold(folding: Folding, event: Received) -> None:
    """One event; raises Poison for an order that does not exist."""
    if isinstance(event.data, Tick):
        folding.tick = max(folding.tick, event.data.k)
    elif isinstance(event.data, MenuPublished):
        folding.menus[event.key] = (event.id, event.data)
    else:
        fold_fact(folding, event, event.data)


def fold_fact(folding: Folding, event: Received, fact: Fact) -> None:
    """Folds the fact first, then what the aggregate answers to it."""
    before = _order(folding, event)
    order = evolve(before, fact)
    if order is not before:
        folding.versions.append(Version(fact, order, Cause(event.id, event.traceparent), event.at))
    for own, made in steps(order, decide(order, fact)):
        answer = Event("orders.events", event.key, TYPES[type(own)], own, traceparent=event.traceparent)
        folding.sent.append(answer)
        if made is not None:
            folding.versions.append(Version(own, made, Cause(answer.id, event.traceparent), None))
            order = made
    folding.orders[event.key] = order


def _order(folding: Folding, event: Received) -> Order:
    order = folding.orders.get(event.key)
    if order is not None:
        return order
    if is_id(event.key) and abs(datetime.now(UTC) - event.at) < INVISIBLE:
        raise Transient(f"order {event.key} cannot be seen yet")
    raise Poison("there is no such order", event)


def ask_deadlines(database: Database) -> None:
    """The scan: waits that used up their allowance by the log's clock are asked about, through the log."""
    with database.transaction() as tx:
        clock, oldest = store.overdue(tx)
        asked = store.ask_deadlines(tx)
    meters.clock.set(clock)
    meters.overdue.set(oldest or 0)
    meters.deadlines.inc(len(asked))
    if asked:
        log.info("asked about deadlines", event_key="deadline.asked", count=len(asked), order_ids=asked[:5])
