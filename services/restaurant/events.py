"""What restaurant reads from `orders.events` and `restaurants.events`, and what it writes there.

Meanings: contracts/README.md.
"""

from dataclasses import dataclass

ORDERS = "orders.events"
RESTAURANTS = "restaurants.events"


@dataclass(frozen=True, slots=True)
class Line:
    """So many of one dish."""

    item_id: str
    quantity: int


@dataclass(frozen=True, slots=True)
class OrderCreated:
    """What was ordered, and where: remembered until the order has a courier."""

    restaurant_id: str
    items: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class DeliveryAssigned:
    """A courier is found: the first of these lets the kitchen begin."""


@dataclass(frozen=True, slots=True)
class OrderDelivered:
    """The end of an order."""


@dataclass(frozen=True, slots=True)
class OrderCancelled:
    """The other end of an order, at any moment, perhaps before anything else of it was read here."""

    reason: str


@dataclass(frozen=True, slots=True)
class OrderReady:
    """The dish is ready. Read when the kitchen says so (api), written when an automatic kitchen's time has passed."""


@dataclass(frozen=True, slots=True)
class OrderAccepted:
    """All that was ordered is reserved, and the kitchen cooks."""


@dataclass(frozen=True, slots=True)
class Missing:
    """A dish that is short, and how many of it there were."""

    item_id: str
    left: int


@dataclass(frozen=True, slots=True)
class ItemsOutOfStock:
    """These dishes are short. Written when they were to be reserved, and nothing was; read when the kitchen says so
    (api), in the same breath as the order's end."""

    items: tuple[Missing, ...]


@dataclass(frozen=True, slots=True)
class ItemsOutOfStockV1:
    """As it was said before anybody counted. Read for ever, and no longer written."""

    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StockSet:
    """The restaurant (the event's key) counted a dish: so many are there, whatever was there before."""

    item_id: str
    quantity: int


@dataclass(frozen=True, slots=True)
class MenuItem:
    """A dish and its price in minor units of the menu's currency."""

    item_id: str
    name: str
    price: int


@dataclass(frozen=True, slots=True)
class MenuPublished:
    """The restaurant's whole menu, as it is from now on."""

    name: str
    currency: str
    items: tuple[MenuItem, ...]


OfOrder = OrderCreated | DeliveryAssigned | ItemsOutOfStock | OrderReady | OrderDelivered | OrderCancelled
OfRestaurant = StockSet
Outgoing = OrderAccepted | ItemsOutOfStock | OrderReady

READS: dict[str, type[OfOrder] | type[OfRestaurant]] = {
    "order_created": OrderCreated,
    "delivery_assigned": DeliveryAssigned,
    "items_out_of_stock": ItemsOutOfStock,
    "order_ready": OrderReady,
    "order_delivered": OrderDelivered,
    "order_cancelled": OrderCancelled,
    "stock_set": StockSet,
}
WRITES: dict[str, type[Outgoing] | type[MenuPublished]] = {
    "order_accepted": OrderAccepted,
    "items_out_of_stock": ItemsOutOfStock,
    "order_ready": OrderReady,
    "menu_published": MenuPublished,
}
VERSIONS: dict[type, int] = {ItemsOutOfStock: 2}
"""Which version of its schema a fact is written by, where that is not the first."""
TYPE_OF: dict[type, str] = {shape: name for name, shape in WRITES.items()}
