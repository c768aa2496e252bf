"""What a customer may wish for, and what it costs: the rules before there is an order. Pure, standard library only."""

from collections.abc import Mapping
from dataclasses import dataclass

from api.events import Fact, Item, MenuItem, OrderCreated
from api.order import Order, Status
from api.refusals import Code, Refused, invalid

MAX_LINES = 20
MAX_QUANTITY = 50
MAX_TOTAL = 2**31 - 1  # GraphQL's Int
KEY_LENGTH = range(8, 65)
METHOD_LENGTH = range(1, 256)


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


def check_request(key: str, restaurant_id: str, lines: tuple[Line, ...], payment_method: str) -> None:
    """Raises `Refused` for a request that is wrong by itself, whatever is on the menu."""
    if len(key) not in KEY_LENGTH or not key.isprintable():
        raise invalid("The key is 8 to 64 characters long.", "input.idempotencyKey")
    if not restaurant_id.isprintable():
        raise invalid("That is no restaurant's id.", "input.restaurantId")
    _check_lines(lines)
    check_method(payment_method, "input.paymentMethod")


def check_method(payment_method: str, field: str) -> None:
    """Raises `Refused` for what is no token of the provider's."""
    if len(payment_method) not in METHOD_LENGTH or not payment_method.isprintable():
        raise invalid("The payment method is the provider's token.", field)


def _check_lines(lines: tuple[Line, ...]) -> None:
    if not 1 <= len(lines) <= MAX_LINES:
        raise invalid(f"An order has 1 to {MAX_LINES} lines.", "input.items")
    seen = set()
    for n, line in enumerate(lines):
        if not 1 <= line.quantity <= MAX_QUANTITY:
            raise invalid(f"The quantity is 1 to {MAX_QUANTITY}.", f"input.items.{n}.quantity")
        if line.item_id in seen:
            raise invalid("Each item stands in one line.", f"input.items.{n}.itemId")
        seen.add(line.item_id)


def placed(order: Order, wish: Place) -> list[Fact]:
    """Raises `Refused` for what the restaurant does not have."""
    if order.status is not Status.NONE:
        raise Refused(Code.TOO_LATE, "The order is placed already.")
    if wish.restaurant is None:
        raise Refused(Code.RESTAURANT_NOT_FOUND, "There is no such restaurant.", "input.restaurantId")
    menu = {item.item_id: item for item in wish.restaurant.menu}
    items = tuple(_item(menu, n, line) for n, line in enumerate(wish.lines))
    total = sum(item.quantity * item.unit_price for item in items)
    if total > MAX_TOTAL:
        raise invalid("The order is too large.", "input.items")
    shop = wish.restaurant
    return [OrderCreated(wish.customer_id, shop.id, shop.name, items, total, shop.currency, wish.payment_method)]


def _item(menu: Mapping[str, MenuItem], n: int, line: Line) -> Item:
    found = menu.get(line.item_id)
    if found is None:
        raise Refused(Code.ITEM_NOT_FOUND, "The restaurant has no such item.", f"input.items.{n}.itemId")
    return Item(found.item_id, found.name, line.quantity, found.price)
