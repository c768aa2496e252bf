"""The order as its facts make it: document, transition tables, `evolve`, `replay`. Pure, standard library only.

No change of the document, no version: `evolve` then returns the very order it was given.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from uuid import UUID

from api.events import (
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


class Status(StrEnum):
    """Where the order stands. NONE is the order nobody has placed yet; it is never seen outside."""

    NONE = "NONE"
    PLACED = "PLACED"
    PAID = "PAID"
    COURIER_ASSIGNED = "COURIER_ASSIGNED"
    ACCEPTED = "ACCEPTED"
    READY = "READY"
    PICKED_UP = "PICKED_UP"
    DELIVERED = "DELIVERED"
    CANCELLED = "CANCELLED"


class Paid(StrEnum):
    """Where the money stands."""

    PENDING = "PENDING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    REFUNDING = "REFUNDING"
    REFUNDED = "REFUNDED"
    RELEASED = "RELEASED"
    REFUND_FAILED = "REFUND_FAILED"


@dataclass(frozen=True, slots=True)
class Payment:
    """`attempt` counts the cards. `failure` is the provider's code: of its decline while the status is FAILED, of its
    refusal of the refund while it is REFUND_FAILED."""

    status: Paid = Paid.PENDING
    attempt: int = 1
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class Cancellation:
    """`reason` is the fact's reason in upper case, as clients see it."""

    reason: str


@dataclass(frozen=True, slots=True)
class Order:
    """The order's document, field by field in this order: its JSON is what the journal, the topic and clients get.

    `since` is the version at which the present wait began: it names a deadline.
    """

    id: str
    version: int = 0
    status: Status = Status.NONE
    since: int = 0
    customer_id: str = ""
    restaurant_id: str = ""
    restaurant_name: str = ""
    courier_id: str | None = None
    items: tuple[Item, ...] = ()
    total: int = 0
    currency: str = ""
    payment: Payment = Payment()
    cancellation: Cancellation | None = None


OPEN = frozenset({Status.PLACED, Status.PAID, Status.COURIER_ASSIGNED, Status.ACCEPTED, Status.READY, Status.PICKED_UP})
WITH_COURIER = frozenset({Status.PAID, Status.COURIER_ASSIGNED, Status.ACCEPTED, Status.READY})
"""Where an assignment counts; from pick-up on the courier stays who it is."""
SETTLEMENTS = frozenset({Paid.REFUNDED, Paid.RELEASED, Paid.REFUND_FAILED})

STATUSES: dict[tuple[Status, type], Status] = {
    (Status.NONE, OrderCreated): Status.PLACED,
    (Status.PLACED, PaymentCompleted): Status.PAID,
    (Status.PAID, DeliveryAssigned): Status.COURIER_ASSIGNED,
    (Status.COURIER_ASSIGNED, OrderAccepted): Status.ACCEPTED,
    (Status.ACCEPTED, OrderReady): Status.READY,
    (Status.READY, OrderPickedUp): Status.PICKED_UP,
    (Status.PICKED_UP, OrderDelivered): Status.DELIVERED,
    **{(status, OrderCancelled): Status.CANCELLED for status in OPEN},
}
"""(status, fact) -> status. Every other pair leaves the status alone."""

PAYING: dict[tuple[Paid, type], Paid] = {
    (Paid.PENDING, PaymentCompleted): Paid.COMPLETED,
    (Paid.PENDING, PaymentFailed): Paid.FAILED,
    (Paid.FAILED, PaymentCompleted): Paid.COMPLETED,
    (Paid.FAILED, PaymentRetryRequested): Paid.PENDING,
    (Paid.COMPLETED, OrderCancelled): Paid.REFUNDING,
}
"""(payment, fact) -> payment, while the order is open."""

ATTEMPTS = (PaymentRetryRequested, PaymentCompleted, PaymentFailed)
"""The facts that say which card they are about."""

SETTLING: dict[tuple[Paid, type], Paid] = {
    **{(paid, PaymentCompleted): Paid.REFUNDING for paid in (Paid.PENDING, Paid.FAILED)},
    **{
        (paid, fact): settled
        for paid in (Paid.PENDING, Paid.FAILED, Paid.REFUNDING)
        for fact, settled in (
            (PaymentRefunded, Paid.REFUNDED),
            (PaymentReleased, Paid.RELEASED),
            (RefundFailed, Paid.REFUND_FAILED),
        )
    },
}
"""(payment, fact) -> payment, once the order is cancelled; a settled payment moves no more."""

WAITS: dict[Status, Reason] = {
    Status.PLACED: Reason.PAYMENT_TIMEOUT,
    Status.PAID: Reason.NO_COURIER,
    Status.COURIER_ASSIGNED: Reason.RESTAURANT_SILENT,
    Status.ACCEPTED: Reason.NOT_READY,
    Status.READY: Reason.NOT_PICKED_UP,
    Status.PICKED_UP: Reason.NOT_DELIVERED,
}

ALLOWANCES: Mapping[Reason, int] = {
    Reason.PAYMENT_TIMEOUT: 300,
    Reason.PAYMENT_FAILED: 300,
    Reason.NO_COURIER: 180,
    Reason.RESTAURANT_SILENT: 120,
    Reason.NOT_READY: 3600,
    Reason.NOT_PICKED_UP: 1800,
    Reason.NOT_DELIVERED: 3600,
}
"""How many ticks of the log's clock (seconds while the log flows) each wait may last."""


def waiting_for(order: Order) -> Reason | None:
    """The reason the order would be cancelled for if nothing more happened; None when nothing is waited for.

    Another card begins no wait of its own: from the first decline on there is one allowance, however many follow.
    """
    if order.status is Status.PLACED and (order.payment.status is Paid.FAILED or order.payment.attempt > 1):
        return Reason.PAYMENT_FAILED
    return WAITS.get(order.status)


def is_id(key: str) -> bool:
    """Order ids are UUIDs in their canonical form; other keys of the log are restaurants, couriers and the clock."""
    try:
        return str(UUID(key)) == key
    except ValueError:
        return False


def settled(order: Order) -> bool:
    """Nothing about this order will change again."""
    return order.status is Status.DELIVERED or (
        order.status is Status.CANCELLED and order.payment.status in SETTLEMENTS
    )


def evolve(order: Order, fact: Fact) -> Order:
    """The order after the fact: one version more, or the very same object when the fact changes nothing."""
    status = STATUSES.get((order.status, type(fact)), order.status)
    after = replace(_detailed(order, fact), status=status, payment=_paid(order, fact))
    if after == order:
        return order
    version = order.version + 1
    since = order.since if waiting_for(after) is waiting_for(order) else version
    return replace(after, version=version, since=since)


def _paid(order: Order, fact: Fact) -> Payment:
    table = SETTLING if order.status is Status.CANCELLED else PAYING if order.status in OPEN else {}
    status = table.get((order.payment.status, type(fact)))
    attempt = fact.attempt if isinstance(fact, ATTEMPTS) else order.payment.attempt
    if status is None or (isinstance(fact, PaymentFailed) and attempt < order.payment.attempt):
        return order.payment  # the second: a decline of the card before the one that is being charged
    return Payment(status, attempt, fact.reason if isinstance(fact, PaymentFailed | RefundFailed) else None)


def _detailed(order: Order, fact: Fact) -> Order:
    """What a fact changes beside status and payment."""
    if isinstance(fact, OrderCreated) and order.status is Status.NONE:
        return replace(
            order,
            customer_id=fact.customer_id,
            restaurant_id=fact.restaurant_id,
            restaurant_name=fact.restaurant_name,
            items=fact.items,
            total=fact.total,
            currency=fact.currency,
        )
    if isinstance(fact, OrderCancelled) and order.status in OPEN:
        return replace(order, cancellation=Cancellation(fact.reason.upper()))
    if isinstance(fact, DeliveryAssigned) and order.status in WITH_COURIER:
        return replace(order, courier_id=fact.courier_id)
    return order


def steps(order: Order, facts: Iterable[Fact]) -> Iterator[tuple[Fact, Order | None]]:
    """Evolves fact by fact; with each the version that it made, None where it left the order as it was."""
    for fact in facts:
        after = evolve(order, fact)
        yield fact, None if after is order else after
        order = after


def advance(order: Order, facts: Iterable[Fact]) -> list[tuple[Fact, Order]]:
    """The versions that the facts make, oldest first."""
    return [(fact, made) for fact, made in steps(order, facts) if made is not None]


def replay(order_id: str, facts: Iterable[Fact]) -> Order:
    """The order that the recorded facts make: equal, byte for byte in its JSON, to the document that was stored."""
    order = Order(order_id)
    for fact in facts:
        order = evolve(order, fact)
    return order
