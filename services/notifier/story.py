"""What happened to one order, as far as this replica knows, and how the schema shows it at any of its versions."""

from __future__ import annotations

from collections.abc import Set
from datetime import datetime
from typing import Any

from notifier.domain import Role
from notifier.events import Order
from notifier.presentation import Presentation
from notifier.versions import Version

COSTLY = frozenset({"message", "actions", "deadline", "items", "timeline"})
"""Members of the schema's Order that are made only when somebody selects them."""


class Story:
    """The versions 1 … n of an order: what its timeline says, and when each of them was made."""

    __slots__ = ("_entries", "_presentation", "_times")

    def __init__(self, presentation: Presentation) -> None:
        self._presentation = presentation
        self._entries: list[dict[str, Any]] = []
        self._times: list[datetime] = []

    def __len__(self) -> int:
        return len(self._entries)

    def extend(self, version: Version) -> None:
        """Takes the next version; one that is told already, or leaves a gap, changes nothing."""
        if version.number == len(self) + 1:
            self._entries.append(self._presentation.entry(version))
            self._times.append(version.at)

    def show(self, order: Order, role: Role, wanted: Set[str] = COSTLY) -> dict[str, Any]:
        """The schema's Order for a party of this role: the one table from the document's names to the schema's.

        The story must reach the version. Of what is COSTLY only the wanted members are there, the others are None.
        """
        said, deadline = self._presentation, None
        if "deadline" in wanted or "actions" in wanted:
            deadline = said.deadline(order, self._times[order.since - 1])
        return {
            "id": order.id,
            "version": order.version,
            "status": order.status,
            "message": said.message(order) if "message" in wanted else None,
            "actions": said.actions(order, role, deadline["at"] if deadline else None) if "actions" in wanted else None,
            "deadline": deadline,
            "payment": {
                "status": order.payment.status,
                "attempt": order.payment.attempt,
                "failure": order.payment.failure,
            },
            "cancellation": None if order.cancellation is None else {"reason": order.cancellation.reason},
            "customerId": order.customer_id,
            "restaurantId": order.restaurant_id,
            "restaurantName": order.restaurant_name,
            "courierId": order.courier_id,
            "items": _items(order) if "items" in wanted else None,
            "total": {"amount": order.total, "currency": order.currency},
            "timeline": self._entries[: order.version] if "timeline" in wanted else None,
        }


def _items(order: Order) -> list[dict[str, Any]]:
    return [
        {
            "itemId": item.item_id,
            "name": item.name,
            "quantity": item.quantity,
            "unitPrice": {"amount": item.unit_price, "currency": order.currency},
        }
        for item in order.items
    ]
