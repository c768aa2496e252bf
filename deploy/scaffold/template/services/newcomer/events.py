"""What newcomer reads from `orders.events`, and what it writes. Meanings: contracts/README.md."""

from dataclasses import dataclass

ORDERS = "orders.events"


@dataclass(frozen=True, slots=True)
class OrderDelivered:
    """The good end of an order (the event's key)."""


Incoming = OrderDelivered

READS: dict[str, type[Incoming]] = {"order_delivered": OrderDelivered}
WRITES: dict[str, type] = {}
