"""What an order's document says to people, and what they can do about it.

The sentences and the table of actions are those of contracts/presentation.json, which api reads, too: the same document
reads the same in a push, a poll and a query (tests/contract/test_contract_presentation.py).
"""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from notifier.domain import Role, waiting_for
from notifier.events import Order
from notifier.versions import Version

REST = "*"  # what is said where a table has no line of its own
STATES = 256  # (role, status, payment) whose actions are kept at hand: there are fewer

Said = Mapping[str, Any]


def _word(said: Said, table: str, key: str | None) -> str:
    row: Mapping[str, str] = said[table]
    return row.get(key or REST, row[REST])


def _ended(order: Order) -> str | None:
    return order.cancellation.reason if order.cancellation else None


WORDS: Mapping[str, Callable[[Said, Order], str]] = {
    "restaurant": lambda _, order: order.restaurant_name,
    "courier": lambda _, order: order.courier_id or "",
    "decline": lambda said, order: _word(said, "declines", order.payment.failure),
    "cancellation": lambda said, order: _word(said, "cancellations", _ended(order)),
    "money": lambda said, order: _word(said, "money", order.payment.status),
}
"""What may stand in braces in a sentence."""


class _Words:
    """Those of one order, each looked up only when a sentence has it."""

    __slots__ = ("_order", "_said")

    def __init__(self, said: Said, order: Order) -> None:
        self._said = said
        self._order = order

    def __getitem__(self, name: str) -> str:
        return WORDS[name](self._said, self._order)


def stamp(at: datetime) -> str:
    """RFC 3339, UTC."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


class Presentation:
    """One file of sentences; `allowances` are the seconds that each wait may last, by its reason."""

    def __init__(self, said: Said, allowances: Mapping[str, int]) -> None:
        self._said = said
        self._allowances = {reason: timedelta(seconds=seconds) for reason, seconds in allowances.items()}
        self._names = lru_cache(STATES)(self._find)

    def message(self, order: Order) -> str:
        """Where the order stands, why, and what happens next."""
        return self._say("orders", order.status, order.payment.status, order)

    def entry(self, version: Version) -> dict[str, Any]:
        """The schema's TimelineEntry."""
        order = version.order
        return {
            "version": version.number,
            "event": version.event,
            "message": self._say("timeline", version.event, order.status, order),
            "reason": _reason(version),
            "status": order.status,
            "at": stamp(version.at),
        }

    def deadline(self, order: Order, began: datetime) -> dict[str, str] | None:
        """The schema's Deadline; the wait `began` at that time. None when nothing is waited for."""
        reason = waiting_for(order)
        if reason is None:
            return None
        return {"reason": reason.upper(), "at": stamp(began + self._allowances[reason])}

    def actions(self, order: Order, role: Role, until: str | None) -> list[dict[str, str | None]]:
        """The schema's Actions for a party of this role."""
        return [{"name": name, "until": until} for name in self._names(role, order.status, order.payment.status)]

    def _find(self, role: Role, status: str, payment: str) -> tuple[str, ...]:
        return tuple(
            row["name"]
            for row in self._said["actions"]
            if row["role"] == role and status in row["statuses"] and payment in row.get("payments", (payment,))
        )

    def _say(self, table: str, first: str, second: str, order: Order) -> str:
        rows = self._said[table]
        row = rows.get(first, rows[REST])
        text: str = row.get(second) or row[REST]
        return text.format_map(_Words(self._said, order)) if "{" in text else text


def _reason(version: Version) -> str | None:
    """For programs: why a card was declined, a refund refused, or the order cancelled."""
    order = version.order
    if version.event in ("payment_failed", "refund_failed"):
        return order.payment.failure
    return _ended(order) if version.event == "order_cancelled" else None


def load(path: Path, allowances: Mapping[str, int]) -> Presentation:
    """The presentation of this file."""
    return Presentation(json.loads(path.read_text("utf-8")), allowances)
