"""The order aggregate's rules: pure, standard library only, no clock.

`decide(order, input)` says which facts follow from a command, or from a fact just folded; `evolve(order, fact)`
(order.py) says what a fact makes of the order. The mutations and the projector use the same two functions; a replay
evolves recorded facts and never decides again.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from api.events import (
    DeadlinePassed,
    Fact,
    ItemsOutOfStock,
    Missing,
    OrderCancelled,
    OrderDelivered,
    OrderPickedUp,
    OrderReady,
    PaymentRetryRequested,
    Reason,
)
from api.order import (
    ALLOWANCES,
    OPEN,
    Order,
    Paid,
    Status,
    advance,
    evolve,
    is_id,
    replay,
    settled,
    steps,
    waiting_for,
)
from api.placing import Line, Place, Restaurant, check_method, check_request, placed
from api.refusals import Code, Moment, Refused, invalid, need_courier, need_order, need_status

__all__ = [
    "ALLOWANCES",
    "OPEN",
    "Cancel",
    "Code",
    "Command",
    "Deliver",
    "Line",
    "MarkReady",
    "Order",
    "Paid",
    "PickUp",
    "Place",
    "Refused",
    "ReportOutOfStock",
    "Restaurant",
    "RetryPayment",
    "Status",
    "advance",
    "check_repeated",
    "check_request",
    "check_stock",
    "decide",
    "evolve",
    "is_id",
    "replay",
    "settled",
    "steps",
    "unknown_item",
    "waiting_for",
]

# What people ask for. Each command carries who asks: whose order it is, is a rule.


@dataclass(frozen=True, slots=True)
class Cancel:
    """By the customer, until pick-up."""

    customer_id: str


@dataclass(frozen=True, slots=True)
class RetryPayment:
    """By the customer, after a decline. `attempt` makes it repeatable: the number this attempt is to have."""

    customer_id: str
    payment_method: str
    attempt: int | None = None


@dataclass(frozen=True, slots=True)
class MarkReady:
    """By the restaurant."""

    restaurant_id: str


@dataclass(frozen=True, slots=True)
class ReportOutOfStock:
    """By the restaurant, until the dish is ready: these items cannot be cooked."""

    restaurant_id: str
    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PickUp:
    """By the assigned courier."""

    courier_id: str


@dataclass(frozen=True, slots=True)
class Deliver:
    """By the courier who has it."""

    courier_id: str


Command = Place | Cancel | RetryPayment | MarkReady | ReportOutOfStock | PickUp | Deliver

MAX_STOCK = 1_000_000_000  # what orders give back is added to it: far from the end of an int
RESERVING = frozenset({Status.PAID, Status.COURIER_ASSIGNED})

CANCELLING = Moment(OPEN - {Status.PICKED_UP}, "", "it cannot be cancelled any more")
PAYING_AGAIN = Moment(frozenset({Status.PLACED}), "", "there is nothing to pay any more")
FINISHING = Moment(
    frozenset({Status.ACCEPTED}), "mark it ready once it is accepted", "there is nothing to mark ready any more"
)
REPORTING = Moment(
    frozenset({Status.PAID, Status.COURIER_ASSIGNED, Status.ACCEPTED}),
    "report it once it is paid",
    "it is too late to report what has run out",
)
PICKING_UP = Moment(frozenset({Status.READY}), "pick it up once it is ready", "there is nothing to pick up any more")
DELIVERING = Moment(frozenset({Status.PICKED_UP}), "pick it up first", "there is nothing to deliver any more")


def decide(order: Order, given: Command | Fact) -> list[Fact]:
    """The aggregate's own facts that follow. A command is answered with facts (none: it is done already) or `Refused`;
    a fact of others, already folded into `order`, with facts or none."""
    command = COMMANDS.get(type(given))
    if command:
        return command(order, given)
    if isinstance(given, ItemsOutOfStock) and order.status in RESERVING:
        return [OrderCancelled(Reason.OUT_OF_STOCK)]
    if isinstance(given, DeadlinePassed) and given.since == order.since and (reason := waiting_for(order)):
        return [OrderCancelled(reason)]
    return []


def _cancelled(order: Order, command: Cancel) -> list[Fact]:
    need_order(order.status is not Status.NONE and order.customer_id == command.customer_id)
    need_status(order, CANCELLING)
    return [OrderCancelled(Reason.CUSTOMER)]


def _retried(order: Order, command: RetryPayment) -> list[Fact]:
    need_order(order.status is not Status.NONE and order.customer_id == command.customer_id)
    check_method(command.payment_method, "paymentMethod")
    following = order.payment.attempt + 1
    if command.attempt is not None and not 2 <= command.attempt <= following:
        raise invalid(f"The next attempt is {following}.", "attempt")
    if command.attempt is not None and command.attempt < following:
        return []
    need_status(order, PAYING_AGAIN)
    if order.payment.status is not Paid.FAILED:
        raise Refused(Code.NOT_YET, "The last card is still being charged: wait for the answer.", "id")
    return [PaymentRetryRequested(following, command.payment_method)]


def _ready(order: Order, command: MarkReady) -> list[Fact]:
    need_order(order.status is not Status.NONE and order.restaurant_id == command.restaurant_id)
    need_status(order, FINISHING)
    return [OrderReady()]


def _out_of_stock(order: Order, command: ReportOutOfStock) -> list[Fact]:
    need_order(order.status is not Status.NONE and order.restaurant_id == command.restaurant_id)
    need_status(order, REPORTING)
    ordered = [item.item_id for item in order.items]
    if not command.items or not set(command.items) <= set(ordered):
        raise invalid("Name items of this order.", "items")
    missing = tuple(Missing(item, 0) for item in ordered if item in command.items)
    return [ItemsOutOfStock(missing), OrderCancelled(Reason.OUT_OF_STOCK)]


def _picked_up(order: Order, command: PickUp) -> list[Fact]:
    need_courier(order, command.courier_id)
    need_status(order, PICKING_UP)
    return [OrderPickedUp(command.courier_id)]


def _delivered(order: Order, command: Deliver) -> list[Fact]:
    need_courier(order, command.courier_id)
    need_status(order, DELIVERING)
    return [OrderDelivered()]


def check_repeated(command: RetryPayment, card: str | None) -> None:
    """Raises `Refused` for an attempt that was made with another card; `card` is the recorded one, if there is one."""
    if card not in (None, command.payment_method):
        message = f"Attempt {command.attempt} was made with another card: look what has become of it."
        raise Refused(Code.ATTEMPT_REUSED, message, "attempt")


def check_stock(item_id: str, quantity: int) -> None:
    """Raises `Refused` for what is no item's id, and for a count that is none."""
    if not item_id.isprintable():
        raise unknown_item()
    if not 0 <= quantity <= MAX_STOCK:
        raise invalid(f"The quantity is 0 to {MAX_STOCK}.", "quantity")


def unknown_item() -> Refused:
    """The restaurant's menu has it not."""
    return Refused(Code.ITEM_NOT_FOUND, "You have no such item on your menu.", "itemId")


COMMANDS: Mapping[type, Callable[[Order, Any], list[Fact]]] = {
    Place: placed,
    Cancel: _cancelled,
    RetryPayment: _retried,
    MarkReady: _ready,
    ReportOutOfStock: _out_of_stock,
    PickUp: _picked_up,
    Deliver: _delivered,
}
