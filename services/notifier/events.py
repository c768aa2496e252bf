"""What notifier reads: the order's document, one record per version. It writes no events."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Item:
    """One line; `unit_price` is in minor units of the order's currency."""

    item_id: str
    name: str
    quantity: int
    unit_price: int


@dataclass(frozen=True, slots=True)
class Payment:
    """`attempt` counts the cards; `failure` is why the provider declined this one, or refused the refund."""

    status: str
    attempt: int
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class Cancellation:
    """Why the order ended early; `reason` is upper case, as in the SDL."""

    reason: str


@dataclass(frozen=True, slots=True)
class Order:
    """The order's document at one version (contracts/documents/order.v1.json); its wait began at version `since`."""

    id: str
    version: int
    status: str
    since: int
    customer_id: str
    restaurant_id: str
    restaurant_name: str
    items: tuple[Item, ...]
    total: int
    currency: str
    payment: Payment
    courier_id: str | None = None
    cancellation: Cancellation | None = None


READS: Mapping[str, type] = {"order": Order}
"""By document: the records of `orders.journal` carry the type of the event that made the version."""

WRITES: Mapping[str, type] = {}
