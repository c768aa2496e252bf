"""A version of an order as it comes from the topic or the table, and as the schema shows it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from notifier.events import Order

_decode = msgspec.json.Decoder(Order).decode


class Unreadable(Exception):
    """A document or its envelope is not what the contract says."""


@dataclass(frozen=True, slots=True)
class Version:
    """One version: the document, and the type and time of the event that made it."""

    order: Order
    event: str
    at: datetime

    @property
    def number(self) -> int:
        """1, 2, 3 …"""
        return self.order.version


def read(payload: bytes | str, event: str, at: datetime) -> Version:
    """Raises Unreadable."""
    try:
        return Version(_decode(payload), event, at)
    except (ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors
        raise Unreadable(str(error)) from error


def timeline_entry(version: Version) -> dict[str, Any]:
    """The schema's TimelineEntry."""
    at = version.at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return {"version": version.number, "event": version.event, "status": version.order.status, "at": at}


def shape(order: Order, timeline: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The schema's Order, all of it: the one table from the document's names to the schema's."""
    return {
        "id": order.id,
        "version": order.version,
        "status": order.status,
        "payment": {"status": order.payment.status, "failure": order.payment.failure},
        "cancellation": None if order.cancellation is None else {"reason": order.cancellation.reason},
        "customerId": order.customer_id,
        "restaurantId": order.restaurant_id,
        "restaurantName": order.restaurant_name,
        "courierId": order.courier_id,
        "items": [
            {
                "itemId": item.item_id,
                "name": item.name,
                "quantity": item.quantity,
                "unitPrice": {"amount": item.unit_price, "currency": order.currency},
            }
            for item in order.items
        ],
        "total": {"amount": order.total, "currency": order.currency},
        "timeline": list(timeline),
    }
