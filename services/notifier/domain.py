"""Who may see an order, what it waits for, when its story is over, what a subscriber does with a version. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, StrEnum

from notifier.events import Order


class Role(StrEnum):
    """The roles a token may state."""

    CUSTOMER = "customer"
    RESTAURANT = "restaurant"
    COURIER = "courier"
    SUPPORT = "support"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who the token says this is."""

    id: str
    role: Role


PARTIES: dict[Role, Callable[[Order], str | None]] = {
    Role.CUSTOMER: lambda order: order.customer_id,
    Role.RESTAURANT: lambda order: order.restaurant_id,
    Role.COURIER: lambda order: order.courier_id,
}


def may_see(principal: Principal, order: Order) -> bool:
    """Support sees all; the others what they take part in at this version: a courier changes on the way."""
    party = PARTIES.get(principal.role)
    return principal.role is Role.SUPPORT or (party is not None and party(order) == principal.id)


SETTLED_PAYMENTS = frozenset({"REFUNDED", "RELEASED", "REFUND_FAILED"})


def settled(order: Order) -> bool:
    """No further version can come: delivered, or cancelled with the money's fate decided."""
    return order.status == "DELIVERED" or (order.status == "CANCELLED" and order.payment.status in SETTLED_PAYMENTS)


WAITS = {
    "PLACED": "payment_timeout",
    "PAID": "no_courier",
    "COURIER_ASSIGNED": "restaurant_silent",
    "ACCEPTED": "not_ready",
    "READY": "not_picked_up",
    "PICKED_UP": "not_delivered",
}


def waiting_for(order: Order) -> str | None:
    """What api would cancel the order for if nothing more happened; None when nothing is waited for."""
    if order.status == "PLACED" and (order.payment.status == "FAILED" or order.payment.attempt > 1):
        return "payment_failed"
    return WAITS.get(order.status)


class Verdict(Enum):
    """What to do with a version that arrived."""

    DROP = "repeat"
    SEND = "next"
    READ = "gap"


def judge(last: int, version: int) -> Verdict:
    """`last` is the newest version the subscriber has. Repeats are dropped, a gap is read from the journal."""
    if version <= last:
        return Verdict.DROP
    return Verdict.SEND if version == last + 1 else Verdict.READ
