"""The order aggregate's rules: pure, standard library only, no clock.

`decide(order, input)` says which facts follow from a command, or from a fact just folded; `evolve(order, fact)`
(order.py) says what a fact makes of the order. The mutations and the projector use the same two functions; a replay
evolves recorded facts and never decides again.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from api.events import (
    DeadlinePassed,
    Fact,
    Item,
    ItemsOutOfStock,
    MenuItem,
    OrderCancelled,
    OrderCreated,
    OrderDelivered,
    OrderPickedUp,
    OrderReady,
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
    replay,
    settled,
    waiting_for,
)

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
    "Restaurant",
    "Status",
    "advance",
    "check_request",
    "decide",
    "evolve",
    "replay",
    "settled",
    "waiting_for",
]

# What people ask for. Each command carries who asks: whose order it is, is a rule.


@dataclass(frozen=True, slots=True)
class Restaurant:
    """A restaurant as api knows it from `menu_published`."""

    id: str
    name: str
    currency: str
    menu: tuple[MenuItem, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """What the customer asks for of one item."""

    item_id: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Place:
    """A customer's wish; `restaurant` is None when nobody knows the one asked for."""

    customer_id: str
    restaurant: Restaurant | None
    lines: tuple[Line, ...]
    payment_method: str


@dataclass(frozen=True, slots=True)
class Cancel:
    """By the customer, until pick-up."""

    customer_id: str


@dataclass(frozen=True, slots=True)
class MarkReady:
    """By the restaurant."""

    restaurant_id: str


@dataclass(frozen=True, slots=True)
class PickUp:
    """By the assigned courier."""

    courier_id: str


@dataclass(frozen=True, slots=True)
class Deliver:
    """By the courier who has it."""

    courier_id: str


Command = Place | Cancel | MarkReady | PickUp | Deliver


class Code(StrEnum):
    """The stable codes of a refusal."""

    RESTAURANT_NOT_FOUND = "RESTAURANT_NOT_FOUND"
    ITEM_NOT_FOUND = "ITEM_NOT_FOUND"
    INVALID_INPUT = "INVALID_INPUT"
    IDEMPOTENCY_KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"
    ORDER_NOT_FOUND = "ORDER_NOT_FOUND"
    TOO_LATE = "TOO_LATE"
    NOT_YET = "NOT_YET"
    NOT_YOURS = "NOT_YOURS"


class Refused(Exception):
    """The rules say no: data for the caller, nothing is written. `field` is the input's dotted path."""

    def __init__(self, code: Code, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field


MAX_LINES = 20
MAX_QUANTITY = 50
MAX_TOTAL = 2**31 - 1  # GraphQL's Int
KEY_LENGTH = range(8, 65)
METHOD_LENGTH = range(1, 256)


RESERVING = frozenset({Status.PAID, Status.COURIER_ASSIGNED})


def decide(order: Order, given: Command | Fact) -> list[Fact]:
    """The aggregate's own facts that follow. A command is answered with facts or `Refused`; a fact of others, already
    folded into `order`, with facts or none."""
    command = COMMANDS.get(type(given))
    if command:
        return [command(order, given)]
    if isinstance(given, ItemsOutOfStock) and order.status in RESERVING:
        return [OrderCancelled(Reason.OUT_OF_STOCK)]
    if isinstance(given, DeadlinePassed) and given.since == order.since and (reason := waiting_for(order)):
        return [OrderCancelled(reason)]
    return []


def check_request(key: str, restaurant_id: str, lines: tuple[Line, ...], payment_method: str) -> None:
    """Raises `Refused` for a request that is wrong by itself, whatever is on the menu."""
    if len(key) not in KEY_LENGTH or not key.isprintable():
        raise _invalid("The key is 8 to 64 characters long.", "input.idempotencyKey")
    if not restaurant_id.isprintable():
        raise _invalid("That is no restaurant's id.", "input.restaurantId")
    _check_lines(lines)
    if len(payment_method) not in METHOD_LENGTH or not payment_method.isprintable():
        raise _invalid("The payment method is the provider's token.", "input.paymentMethod")


def _check_lines(lines: tuple[Line, ...]) -> None:
    if not 1 <= len(lines) <= MAX_LINES:
        raise _invalid(f"An order has 1 to {MAX_LINES} lines.", "input.items")
    seen = set()
    for n, line in enumerate(lines):
        if not 1 <= line.quantity <= MAX_QUANTITY:
            raise _invalid(f"The quantity is 1 to {MAX_QUANTITY}.", f"input.items.{n}.quantity")
        if line.item_id in seen:
            raise _invalid("Each item stands in one line.", f"input.items.{n}.itemId")
        seen.add(line.item_id)


def _invalid(message: str, field: str) -> Refused:
    return Refused(Code.INVALID_INPUT, message, field)


def _placed(order: Order, wish: Place) -> OrderCreated:
    if order.status is not Status.NONE:
        raise Refused(Code.TOO_LATE, "The order is placed already.")
    if wish.restaurant is None:
        raise Refused(Code.RESTAURANT_NOT_FOUND, "There is no such restaurant.", "input.restaurantId")
    menu = {item.item_id: item for item in wish.restaurant.menu}
    items = tuple(_item(menu, n, line) for n, line in enumerate(wish.lines))
    total = sum(item.quantity * item.unit_price for item in items)
    if total > MAX_TOTAL:
        raise _invalid("The order is too large.", "input.items")
    shop = wish.restaurant
    return OrderCreated(wish.customer_id, shop.id, shop.name, items, total, shop.currency, wish.payment_method)


def _item(menu: Mapping[str, MenuItem], n: int, line: Line) -> Item:
    found = menu.get(line.item_id)
    if found is None:
        raise Refused(Code.ITEM_NOT_FOUND, "The restaurant has no such item.", f"input.items.{n}.itemId")
    return Item(found.item_id, found.name, line.quantity, found.price)


def _need_order(known: bool) -> None:
    """Somebody else's order and no order look the same."""
    if not known:
        raise Refused(Code.ORDER_NOT_FOUND, "You have no such order.", "id")


def _need_courier(order: Order, courier_id: str) -> None:
    _need_order(order.status is not Status.NONE)
    if order.courier_id != courier_id:
        raise Refused(Code.NOT_YOURS, "The order is not assigned to you.", "id")


def _need_status(order: Order, wanted: Status) -> None:
    """`wanted` lies on the path of every order: before it is not yet, behind it too late."""
    if order.status is wanted:
        return
    path = list(Status)
    if path.index(order.status) < path.index(wanted):
        raise Refused(Code.NOT_YET, f"The order is {order.status}, not yet {wanted}.", "id")
    raise Refused(Code.TOO_LATE, f"The order is {order.status} already.", "id")


def _cancelled(order: Order, command: Cancel) -> OrderCancelled:
    _need_order(order.status is not Status.NONE and order.customer_id == command.customer_id)
    if order.status is Status.PICKED_UP or order.status not in OPEN:
        raise Refused(Code.TOO_LATE, f"The order is {order.status} already.", "id")
    return OrderCancelled(Reason.CUSTOMER)


def _ready(order: Order, command: MarkReady) -> OrderReady:
    _need_order(order.status is not Status.NONE and order.restaurant_id == command.restaurant_id)
    _need_status(order, Status.ACCEPTED)
    return OrderReady()


def _picked_up(order: Order, command: PickUp) -> OrderPickedUp:
    _need_courier(order, command.courier_id)
    _need_status(order, Status.READY)
    return OrderPickedUp(command.courier_id)


def _delivered(order: Order, command: Deliver) -> OrderDelivered:
    _need_courier(order, command.courier_id)
    _need_status(order, Status.PICKED_UP)
    return OrderDelivered()


COMMANDS: Mapping[type, Callable[[Order, Any], Fact]] = {
    Place: _placed,
    Cancel: _cancelled,
    MarkReady: _ready,
    PickUp: _picked_up,
    Deliver: _delivered,
}
