"""The facts that api reads and writes: frozen, standard library only. Their meaning is in contracts/README.md.

A fact's JSON is its fields as they are; money is in minor units, ids are text. Never change a field: add one with a
default.
"""

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """Why an order was cancelled: `customer` and `out_of_stock`, or the wait that took too long."""

    CUSTOMER = "customer"
    OUT_OF_STOCK = "out_of_stock"
    PAYMENT_TIMEOUT = "payment_timeout"
    PAYMENT_FAILED = "payment_failed"
    NO_COURIER = "no_courier"
    RESTAURANT_SILENT = "restaurant_silent"
    NOT_READY = "not_ready"
    NOT_PICKED_UP = "not_picked_up"
    NOT_DELIVERED = "not_delivered"


@dataclass(frozen=True, slots=True)
class Item:
    """A line of an order with the price of the moment it was placed."""

    item_id: str
    name: str
    quantity: int
    unit_price: int


@dataclass(frozen=True, slots=True)
class MenuItem:
    """What a restaurant sells."""

    item_id: str
    name: str
    price: int


@dataclass(frozen=True, slots=True)
class OrderCreated:
    """The customer placed the order. `payment_method` is the provider's single-use token."""

    customer_id: str
    restaurant_id: str
    restaurant_name: str
    items: tuple[Item, ...]
    total: int
    currency: str
    payment_method: str


@dataclass(frozen=True, slots=True)
class PaymentRetryRequested:
    """The customer pays with another card, as the attempt of this number."""

    attempt: int
    payment_method: str


@dataclass(frozen=True, slots=True)
class PaymentCompleted:
    """The money was captured, at the attempt of this number."""

    attempt: int


@dataclass(frozen=True, slots=True)
class PaymentFailed:
    """The provider declined the attempt of this number, and said why."""

    attempt: int
    reason: str


@dataclass(frozen=True, slots=True)
class PaymentRefunded:
    """A cancelled order is settled: what was captured went back."""

    amount: int
    currency: str


@dataclass(frozen=True, slots=True)
class PaymentReleased:
    """A cancelled order is settled: nothing was captured, and nothing will be."""


@dataclass(frozen=True, slots=True)
class RefundFailed:
    """A cancelled order is settled as far as a program can: a person has to send the money back."""

    reason: str


@dataclass(frozen=True, slots=True)
class DeliveryAssigned:
    """A courier has the order; `n` counts the assignments of one order from 1."""

    n: int
    courier_id: str


@dataclass(frozen=True, slots=True)
class OrderAccepted:
    """The restaurant reserved the stock and cooks."""


@dataclass(frozen=True, slots=True)
class Missing:
    """An item that is short, and how many of it there were."""

    item_id: str
    left: int


@dataclass(frozen=True, slots=True)
class ItemsOutOfStock:
    """The restaurant cannot cook these items, by its stock (restaurant) or its kitchen's word (api): the order ends."""

    items: tuple[Missing, ...]


@dataclass(frozen=True, slots=True)
class ItemsOutOfStockV1:
    """As it was said before anybody counted. Read for ever, and no longer written."""

    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OrderReady:
    """The dish can be picked up: from the kitchen (api), or an automatic kitchen's timer (restaurant)."""


@dataclass(frozen=True, slots=True)
class OrderPickedUp:
    """The courier has the dish."""

    courier_id: str


@dataclass(frozen=True, slots=True)
class OrderDelivered:
    """The end, and a good one."""


@dataclass(frozen=True, slots=True)
class OrderCancelled:
    """The end before delivery; payment settles it."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class DeadlinePassed:
    """The wait that began at version `since` used up its allowance. Whether it still lasts is decided on reading."""

    since: int


@dataclass(frozen=True, slots=True)
class ShiftStarted:
    """The courier takes orders."""


@dataclass(frozen=True, slots=True)
class ShiftEnded:
    """The courier takes no further orders."""


@dataclass(frozen=True, slots=True)
class MenuPublished:
    """A restaurant's whole menu; it replaces the one before."""

    name: str
    currency: str
    items: tuple[MenuItem, ...]


@dataclass(frozen=True, slots=True)
class StockSet:
    """The restaurant has so many of an item now."""

    item_id: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Tick:
    """The log's clock: seconds of a log that flowed."""

    k: int


Fact = (
    OrderCreated
    | PaymentRetryRequested
    | PaymentCompleted
    | PaymentFailed
    | PaymentRefunded
    | PaymentReleased
    | RefundFailed
    | DeliveryAssigned
    | OrderAccepted
    | ItemsOutOfStock
    | OrderReady
    | OrderPickedUp
    | OrderDelivered
    | OrderCancelled
    | DeadlinePassed
)
"""What can happen to one order."""

READS: dict[str, type] = {
    "payment_completed": PaymentCompleted,
    "payment_failed": PaymentFailed,
    "payment_refunded": PaymentRefunded,
    "payment_released": PaymentReleased,
    "refund_failed": RefundFailed,
    "delivery_assigned": DeliveryAssigned,
    "order_accepted": OrderAccepted,
    "items_out_of_stock": ItemsOutOfStock,
    "order_ready": OrderReady,
    "deadline_passed": DeadlinePassed,
    "menu_published": MenuPublished,
    "tick": Tick,
}

WRITES: dict[str, type] = {
    "order_created": OrderCreated,
    "payment_retry_requested": PaymentRetryRequested,
    "items_out_of_stock": ItemsOutOfStock,
    "order_ready": OrderReady,
    "order_picked_up": OrderPickedUp,
    "order_delivered": OrderDelivered,
    "order_cancelled": OrderCancelled,
    "deadline_passed": DeadlinePassed,
    "shift_started": ShiftStarted,
    "shift_ended": ShiftEnded,
    "stock_set": StockSet,
}

VERSIONS: dict[type, int] = {ItemsOutOfStock: 2}
"""Which version of its schema a fact is written by, where that is not the first."""

TYPES: dict[type, str] = {fact: name for name, fact in (READS | WRITES).items()}
"""The name on the wire of every fact."""
