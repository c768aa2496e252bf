"""What delivery reads from `orders.events` and `couriers.events`, and what it writes. Meanings: contracts/README.md."""

from dataclasses import dataclass

ORDERS = "orders.events"
COURIERS = "couriers.events"


@dataclass(frozen=True, slots=True)
class PaymentCompleted:
    """The order is paid: it may have a courier."""


@dataclass(frozen=True, slots=True)
class OrderPickedUp:
    """The food left the restaurant in the hands of `courier_id`."""

    courier_id: str


@dataclass(frozen=True, slots=True)
class OrderDelivered:
    """The end of an order, and the courier's way back."""


@dataclass(frozen=True, slots=True)
class OrderCancelled:
    """The other end of an order, at any moment, perhaps before anything else of it was read here."""

    reason: str


@dataclass(frozen=True, slots=True)
class ShiftStarted:
    """The courier (the event's key) takes orders from now on."""


@dataclass(frozen=True, slots=True)
class ShiftEnded:
    """The courier (the event's key) takes no further order. What was picked up is brought to its end, no other."""


@dataclass(frozen=True, slots=True)
class DeliveryAssigned:
    """`courier_id` carries the order; `n` counts the couriers an order has had, from 1."""

    n: int
    courier_id: str


OfOrder = PaymentCompleted | OrderPickedUp | OrderDelivered | OrderCancelled
OfCourier = ShiftStarted | ShiftEnded
Outgoing = DeliveryAssigned

READS: dict[str, type[OfOrder] | type[OfCourier]] = {
    "payment_completed": PaymentCompleted,
    "order_picked_up": OrderPickedUp,
    "order_delivered": OrderDelivered,
    "order_cancelled": OrderCancelled,
    "shift_started": ShiftStarted,
    "shift_ended": ShiftEnded,
}
WRITES: dict[str, type[Outgoing]] = {"delivery_assigned": DeliveryAssigned}
TYPE_OF: dict[type[Outgoing], str] = {shape: name for name, shape in WRITES.items()}
