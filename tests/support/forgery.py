"""Sound evidence of one order, made by the order's own rules, to be broken in every way that the judge must see."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from api.codec import text
from api.domain import Order, evolve
from api.events import (
    TYPES,
    DeadlinePassed,
    DeliveryAssigned,
    Fact,
    Item,
    OrderAccepted,
    OrderCancelled,
    OrderCreated,
    OrderDelivered,
    OrderPickedUp,
    OrderReady,
    PaymentCompleted,
    PaymentFailed,
    PaymentRefunded,
    PaymentReleased,
    PaymentRetryRequested,
    Reason,
    RefundFailed,
)
from check import facts as f
from check.case import Case
from check.clients import Histories
from check.history import Shown
from check.judge import OF_THE_WORLD, of_case
from check.tables import Slot
from check.topics import Tick, digest
from check.world import World

ORDER = "01a210b6-0000-7000-8000-000000000001"
BEGAN = 1000.0
NOW = 5000.0
PARTITION = 6
POISONED = 500
"""Where a record is injected."""
TOTAL = 1250
ALL = frozenset({"tables", "topics", "provider", "histories", "keeper"})

F = TypeVar("F", bound=f.Fact)
Step = tuple[str, Fact]
"""(Source, fact)."""

CREATED = OrderCreated("ada", "sobaya", "Sobaya", (Item("soba", "Soba", 1, TOTAL),), TOTAL, "EUR", "pm_card_visa")
TO_READY: Sequence[Step] = (
    ("api", CREATED),
    ("payment", PaymentCompleted(1)),
    ("delivery", DeliveryAssigned(1, "c-01")),
    ("restaurant", OrderAccepted()),
    ("restaurant", OrderReady()),
)
DELIVERED: Sequence[Step] = (*TO_READY, ("api", OrderPickedUp("c-01")), ("api", OrderDelivered()))
CANCELLED: Sequence[Step] = (
    *TO_READY[:4],
    ("api", OrderCancelled(Reason.CUSTOMER)),
    ("payment", PaymentRefunded(TOTAL, "EUR")),
)
NOT_REFUNDED: Sequence[Step] = (*CANCELLED[:-1], ("payment", RefundFailed("charge_disputed")))
UNPAID: Sequence[Step] = (
    ("api", CREATED),
    ("payment", PaymentFailed(1, "card_declined")),
    ("api", DeadlinePassed(2)),
    ("api", OrderCancelled(Reason.PAYMENT_FAILED)),
    ("payment", PaymentReleased()),
)
RETRIED: Sequence[Step] = (
    ("api", CREATED),
    ("payment", PaymentFailed(1, "card_declined")),
    ("api", PaymentRetryRequested(2, "pm_card_amex")),
    ("payment", PaymentFailed(2, "card_declined")),
    *UNPAID[2:],
)


@dataclass
class Forgery:
    """The evidence of one order, kind by kind; break it with `change`, `add` and `drop`."""

    facts: list[f.Fact] = field(default_factory=list)

    def of(self, kind: type[F]) -> list[F]:
        """In the order in which it happened."""
        return [fact for fact in self.facts if isinstance(fact, kind)]

    def add(self, *more: f.Fact) -> None:
        """More evidence."""
        self.facts += more

    def drop(self, *some: f.Fact) -> None:
        """Less of it."""
        self.facts = [fact for fact in self.facts if not any(fact is one for one in some)]

    def change(self, fact: f.Fact, **members: Any) -> None:
        """Other evidence in its place."""
        self.facts = [msgspec.structs.replace(one, **members) if one is fact else one for one in self.facts]

    def event(self, kind: str) -> f.Event:
        """The record of this type."""
        return next(one for one in self.of(f.Event) if one.type == kind)

    def written(self, kind: str) -> f.OutboxRow:
        """The outbox row of this type."""
        return next(one for one in self.of(f.OutboxRow) if one.type == kind)

    def inject(self, decided: str = "") -> None:
        """A payment that nobody can read came among its events; api and delivery parked it, or it was decided about."""
        place = ("orders.events", PARTITION, POISONED)
        self.add(f.Poisoned("bad_json", *place, "p", "payment_completed", "payment", None))
        self.repeat(POISONED)
        for who in ("api", "delivery"):
            parked = f.ParkedRow(who, *place, "p", "head", "no JSON", 1, NOW - 9)
            self.add(f.Decided(decided, who, *place) if decided else parked)

    def repeat(self, offset: int) -> None:
        """What was injected is in the log there (again)."""
        self.add(f.Event(PARTITION, offset, "p", "payment_completed", "payment", 1, "x", NOW - 9, settled=True))

    def tell(self, source: str, fact: Fact, place: float, name: str) -> None:
        """An event that was written, and came out at this place between the others."""
        kind, payload = TYPES[type(fact)], text(fact)
        self.add(f.OutboxRow(source, int(place * 10), name, "orders.events", kind, payload, source, 1, BEGAN + place))
        self.add(_event(source, kind, payload, place, name))


def sound(steps: Sequence[Step] = DELIVERED) -> Forgery:
    """What all sources say of an order that went this way, as it should be."""
    made = Forgery()
    order = Order(ORDER)
    for place, (source, fact) in enumerate(steps, 1):
        made.tell(source, fact, place, f"e{place}")
        after = evolve(order, fact)
        if after is not order:
            order = after
            _version(made, order, fact, place)
    _rows(made, order, steps)
    _outside(made, order, steps)
    return made


def _event(source: str, kind: str, payload: str, place: float, name: str) -> f.Event:
    at = BEGAN + place + 0.01
    return f.Event(PARTITION, int(place * 10), name, kind, source, 1, digest(payload.encode()), at, settled=True)


def _version(made: Forgery, order: Order, fact: Fact, place: int) -> None:
    kind, document, at = TYPES[type(fact)], text(order), BEGAN + place
    made.add(f.JournalRow(place * 10, f"e{place}", kind, order.version, document, text(fact), at))
    told = (f"e{place}", kind, order.version, digest(document.encode()), at + 0.01)
    made.add(f.Pushed(PARTITION, place, *told, settled=True))
    made.add(f.Seen(0, 7, 10 + place, at + 0.02, coalesced=False, shown=_shown(order)))


def _shown(order: Order) -> Shown:
    reason = order.cancellation.reason if order.cancellation else None
    whose = (order.customer_id, order.restaurant_id, order.courier_id)
    return Shown(order.id, order.version, str(order.status), str(order.payment.status), reason, *whose)


def _rows(made: Forgery, order: Order, steps: Sequence[Step]) -> None:
    """The services' rows when all of it was read."""
    kinds = [type(fact) for _, fact in steps]
    delivered, accepted = order.status == "DELIVERED", OrderAccepted in kinds
    settled = None if delivered else str(order.payment.status).lower()
    made.add(
        f.OrderRow(order.version, order.since, False, "ada", "sobaya", order.courier_id, None, text(order)),
        f.Placement("ada", "key-0001", BEGAN),
        f.PaymentRow(
            TOTAL, "EUR", "pi_1", PaymentCompleted in kinds, str(order.status).lower(), settled, tries=0, due=False
        ),
        f.JobRow("CLOSED", None, 1),
        f.TicketRow(
            "CLOSED", "sobaya", '[{"item_id":"soba","quantity":1}]', accepted and (delivered or OrderReady in kinds)
        ),
    )


def _outside(made: Forgery, order: Order, steps: Sequence[Step]) -> None:
    """The provider's log, and the customer's history."""
    kinds = [type(fact) for _, fact in steps]
    if PaymentCompleted in kinds:
        made.add(f.Charge(BEGAN + 1.5, "payment_intent.succeeded", "pi_1", TOTAL, "/confirm", 200))
    if PaymentRefunded in kinds:
        made.add(f.Charge(BEGAN + 5.5, "refund.created", "pi_1", TOTAL, "/v1/refunds", 200))
    if RefundFailed in kinds:
        made.add(f.Charge(BEGAN + 5.5, "request.refused", "pi_1", 0, "/v1/refunds", 400))
    made.add(
        called("placeOrder", 1, 2, key="key-0001", wish="w1", version=1),
        f.Watched(0, 7, "ada", "customer", 0, "ws", BEGAN + 1, BEGAN + len(steps) + 1, "complete", listed=False),
    )


def called(
    do: str,
    line: int,
    answered: int,
    *,
    key: str | None = None,
    wish: str | None = None,
    version: int = 0,
    outcome: str = "ok",
    code: str | None = None,
    order: str = ORDER,
    by: str = "ada",
    role: str = "customer",
) -> f.Called:
    """A call of `ada`; version 0: nothing was shown."""
    shown = Shown(order, version) if version else None
    times = (BEGAN + line, BEGAN + answered)
    return f.Called(0, line, answered, *times, do, by, role, "graphql", key, wish, outcome, code, shown)


def world(**members: Any) -> World:
    """All sources were to be had, all services have read all there is, the clock ticks once a second."""
    usual: dict[str, Any] = {
        "sources": ALL,
        "services": ("api", "delivery", "payment", "restaurant"),
        "now": NOW,
        "clock": 4000,
        "positions": {(who, "orders.events", PARTITION): 1000 for who in ("api", "delivery", "payment", "restaurant")},
        "ticks": [Tick(k, 100.0 + k, 100.02 + k) for k in range(1, 4900)],
        "slot": Slot("reserved", True, 0, 4096),
        "keeper": {"slot_bytes_behind": 0.0},
        "histories": Histories(files=1, last=NOW),
    }
    return World(**(usual | members))


def case(forged: Forgery, space: str = "order", name: str = ORDER) -> Case:
    """As the judge gets it."""
    return Case.of(space, name, [f.write(fact) for fact in forged.facts])


def broken(forged: Forgery, around: World | None = None) -> dict[str, list[str]]:
    """Invariant → sentences, of what the judge finds."""
    about = around or world()
    found: dict[str, list[str]] = {}
    for breach in of_case(case(forged), about):
        found.setdefault(breach.invariant, []).append(breach.sentence)
    return found


def broken_around(around: World) -> dict[str, list[str]]:
    """The same for what is about no order."""
    found: dict[str, list[str]] = {}
    for rule in OF_THE_WORLD:
        for breach in rule(around):
            found.setdefault(breach.invariant, []).append(breach.sentence)
    return found


Break = Callable[[Forgery], None]
