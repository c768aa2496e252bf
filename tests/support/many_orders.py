"""Orders by the hundred thousand, without a system: the real `decide` and `evolve`, walked at random.

The rows are those that api's two writers would leave in `orders` and `journal`: the same text, in commit order, the
journeys of many orders mixed. What it leaves out: outbox rows, and every other service (their facts are taken from a
dice). It needs a role that may write api's tables.
"""

import heapq
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg

from api.codec import text
from api.domain import (
    Cancel,
    Command,
    Deliver,
    Line,
    MarkReady,
    PickUp,
    Place,
    Refused,
    ReportOutOfStock,
    Restaurant,
    RetryPayment,
    decide,
)
from api.events import (
    TYPES,
    DeadlinePassed,
    DeliveryAssigned,
    Fact,
    ItemsOutOfStock,
    MenuItem,
    OrderAccepted,
    PaymentCompleted,
    PaymentFailed,
    PaymentRefunded,
    PaymentReleased,
    RefundFailed,
)
from api.order import OPEN, Order, Paid, Status, evolve, settled
from chassis.envelope import new_id

MENU = (MenuItem("soba", "Soba", 900), MenuItem("tea", "緑茶", 250), MenuItem("egg", "Egg “soft”", 90))
SHOP = Restaurant("sobaya", "Sobaya", "EUR", MENU)
PER_SECOND = 100
CHUNK = 1000  # orders whose rows are mixed, and copied at once
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
WHIM = 0.03  # that an order leaves its path, at each step

JOURNAL = "COPY api.journal (id, type, key, payload, at, order_id, version, data) FROM STDIN"
ORDERS = """
COPY api.orders (id, version, since, open, customer_id, restaurant_id, courier_id, due_tick, document) FROM STDIN
"""

Offer = Callable[[Order, random.Random], Command | Fact]


def _pay(order: Order, dice: random.Random) -> Command | Fact:
    again = order.payment.status is Paid.FAILED and dice.random() < 0.5
    return RetryPayment(order.customer_id, "pm_card_mastercard") if again else PaymentCompleted(order.payment.attempt)


PATH: Mapping[Status, Offer] = {
    Status.PLACED: _pay,
    Status.PAID: lambda _, dice: DeliveryAssigned(1, f"c-{dice.randrange(50):02}"),
    Status.COURIER_ASSIGNED: lambda *_: OrderAccepted(),
    Status.ACCEPTED: lambda order, _: MarkReady(order.restaurant_id),
    Status.READY: lambda order, _: PickUp(order.courier_id or ""),
    Status.PICKED_UP: lambda order, _: Deliver(order.courier_id or ""),
}
WHIMS: Sequence[Offer] = (
    lambda order, _: Cancel(order.customer_id),
    lambda order, _: ReportOutOfStock(order.restaurant_id, (order.items[0].item_id,)),
    lambda order, _: DeadlinePassed(order.since),
    lambda order, _: PaymentFailed(order.payment.attempt, "card_declined"),
    lambda order, _: PaymentCompleted(order.payment.attempt),
    lambda order, _: ItemsOutOfStock(()),
    lambda _, dice: DeliveryAssigned(2, f"c-{dice.randrange(50):02}"),
)
"""What may come at any time; mostly it is refused, or changes nothing."""


@dataclass(frozen=True)
class Version:
    """A row of the journal to be."""

    at: datetime
    fact: Fact
    order: Order


def journey(order_id: str, begin: datetime, dice: random.Random) -> Iterator[Version]:
    """One order from placed to settled."""
    lines = tuple(Line(item.item_id, dice.randint(1, 3)) for item in MENU[: dice.randint(1, 3)])
    order = Order(order_id)
    given: Command | Fact = Place(f"customer-{dice.randrange(10_000)}", SHOP, lines, "pm_card_visa")
    at = begin
    while True:
        for fact, after in _answered(order, given):
            yield Version(at, fact, after)
            order = after
        if settled(order):
            return
        given, at = _next(order, dice), at + timedelta(seconds=dice.uniform(0.01, 2))


def _answered(order: Order, given: Command | Fact) -> Iterator[tuple[Fact, Order]]:
    """The versions that follow: a command's facts; a fact itself, then what the aggregate decides on it."""
    for fact in _decided(order, given) if isinstance(given, Command) else [given, *decide(evolve(order, given), given)]:
        after = evolve(order, fact)
        if after is not order:
            yield fact, after
            order = after


def _decided(order: Order, command: Command) -> list[Fact]:
    try:
        return decide(order, command)
    except Refused:
        return []


def _next(order: Order, dice: random.Random) -> Command | Fact:
    whim = dice.random() < WHIM
    if order.status in OPEN:
        return (dice.choice(WHIMS) if whim else PATH[order.status])(order, dice)
    if order.payment.status is not Paid.REFUNDING:
        return PaymentCompleted(order.payment.attempt) if whim else PaymentReleased()
    return RefundFailed("charge_disputed") if whim else PaymentRefunded(order.total, order.currency)


def fill(url: str, orders: int, seed: int = 1) -> None:
    """Writes so many orders, placed PER_SECOND, all of them settled."""
    dice = random.Random(seed)
    with psycopg.connect(url) as db:
        for begin in range(0, orders, CHUNK):
            count = min(CHUNK, orders - begin)
            starts = [BEGIN + timedelta(seconds=(begin + n) / PER_SECOND) for n in range(count)]
            journeys = [list(journey(str(new_id()), start, dice)) for start in starts]
            _copy(db, JOURNAL, map(_version, heapq.merge(*journeys, key=lambda version: version.at)))
            _copy(db, ORDERS, (_state(versions[-1].order) for versions in journeys))
    with psycopg.connect(url, autocommit=True) as db:
        db.execute("ANALYZE api.journal, api.orders")


def _copy(db: psycopg.Connection[Any], statement: str, rows: Iterator[tuple[Any, ...]]) -> None:
    with db.cursor().copy(statement.encode()) as copy:
        for row in rows:
            copy.write_row(row)


def _version(version: Version) -> tuple[Any, ...]:
    order = version.order
    data = text(version.fact)
    return new_id(), TYPES[type(version.fact)], order.id, text(order), version.at, UUID(order.id), order.version, data


def _state(order: Order) -> tuple[Any, ...]:
    is_open = order.status in OPEN
    return (
        UUID(order.id),
        order.version,
        order.since,
        is_open,
        order.customer_id,
        order.restaurant_id,
        order.courier_id,
        10**9 if is_open else None,
        text(order),
    )
