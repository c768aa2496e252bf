"""What payment reads from `orders.events` and what it writes there. The meaning of each event: contracts/README.md."""

from dataclasses import dataclass

TOPIC = "orders.events"


@dataclass(frozen=True, slots=True)
class OrderCreated:
    """Only what a payment needs: the amount in minor units, fixed at order time, and the customer's token."""

    total: int
    currency: str
    payment_method: str


@dataclass(frozen=True, slots=True)
class PaymentRetryRequested:
    """After a decline the customer wants this attempt to be made, with another token."""

    attempt: int
    payment_method: str


@dataclass(frozen=True, slots=True)
class OrderCancelled:
    """The order ended without a delivery: what was captured goes back, what was not is released."""

    reason: str


@dataclass(frozen=True, slots=True)
class OrderDelivered:
    """The order ended well: nothing is left to ask the provider."""


@dataclass(frozen=True, slots=True)
class PaymentCompleted:
    """The money is captured."""

    attempt: int


@dataclass(frozen=True, slots=True)
class PaymentFailed:
    """The provider said no to this attempt; `reason` is its decline code."""

    attempt: int
    reason: str


@dataclass(frozen=True, slots=True)
class PaymentRefunded:
    """Settled: what was captured went back, all of it."""

    amount: int
    currency: str


@dataclass(frozen=True, slots=True)
class PaymentReleased:
    """Settled: nothing was captured, and nothing will be."""


@dataclass(frozen=True, slots=True)
class RefundFailed:
    """Settled, for a person to look at: the provider refused to give the money back, or knows the intent no more."""

    reason: str


Incoming = OrderCreated | PaymentRetryRequested | OrderCancelled | OrderDelivered
Outgoing = PaymentCompleted | PaymentFailed | PaymentRefunded | PaymentReleased | RefundFailed

READS: dict[str, type[Incoming]] = {
    "order_created": OrderCreated,
    "payment_retry_requested": PaymentRetryRequested,
    "order_cancelled": OrderCancelled,
    "order_delivered": OrderDelivered,
}
WRITES: dict[str, type[Outgoing]] = {
    "payment_completed": PaymentCompleted,
    "payment_failed": PaymentFailed,
    "payment_refunded": PaymentRefunded,
    "payment_released": PaymentReleased,
    "refund_failed": RefundFailed,
}
TYPE_OF: dict[type[Outgoing], str] = {shape: name for name, shape in WRITES.items()}
