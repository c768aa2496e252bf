"""What people read of an order and what they can do: contracts/presentation.json, applied. notifier has a reading of
its own, and a contract test holds the two together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from api.events import Reason
from api.order import Order, waiting_for

Rows = Mapping[str, Mapping[str, str]]
"""A sentence by two members of an order; `*` stands for every other."""


@dataclass(frozen=True, slots=True)
class Action:
    """Who can do it, and when; without `payments` whatever the payment's status is."""

    name: str
    role: str
    statuses: tuple[str, ...]
    payments: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Texts:
    """The file."""

    orders: Rows
    timeline: Rows
    cancellations: Mapping[str, str]
    declines: Mapping[str, str]
    money: Mapping[str, str]
    actions: tuple[Action, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """A version of an order: the fact that made it, when, and the order that it made."""

    event: str
    at: datetime
    order: Order


class Presentation:
    """Sentences, actions and deadlines. Pure."""

    def __init__(self, texts: Texts, allowances: Mapping[Reason, int]) -> None:
        self._texts = texts
        self._allowances = allowances

    @classmethod
    def load(cls, path: Path, allowances: Mapping[Reason, int]) -> "Presentation":
        """Raises when the file is not as it must be."""
        return cls(msgspec.json.decode(path.read_bytes(), type=Texts), allowances)

    def message(self, order: Order) -> str:
        """Where the order stands, why, and what happens next."""
        return self._say(self._texts.orders, order.status, order.payment.status, order)

    def fact(self, entry: Entry) -> str:
        """What happened."""
        return self._say(self._texts.timeline, entry.event, entry.order.status, entry.order)

    def actions(self, order: Order, role: str) -> list[str]:
        """What who takes part in this role can do now."""
        return [
            action.name
            for action in self._texts.actions
            if action.role == role
            and order.status in action.statuses
            and (action.payments is None or order.payment.status in action.payments)
        ]

    def deadline(self, order: Order, timeline: Sequence[Entry]) -> tuple[Reason, datetime] | None:
        """What is waited for, and the moment it may last until. `timeline` begins with version 1."""
        reason = waiting_for(order)
        if reason is None:
            return None
        return reason, timeline[order.since - 1].at + timedelta(seconds=self._allowances[reason])

    def _say(self, rows: Rows, first: str, second: str, order: Order) -> str:
        row = rows.get(first, rows["*"])
        ended = order.cancellation
        return row.get(second, row["*"]).format(
            restaurant=order.restaurant_name,
            courier=order.courier_id or "",
            decline=_of(self._texts.declines, order.payment.failure),
            cancellation=_of(self._texts.cancellations, ended.reason if ended else None),
            money=_of(self._texts.money, order.payment.status),
        )


def _of(words: Mapping[str, str], key: str | None) -> str:
    return words.get(key or "*", words["*"])


def detail(entry: Entry) -> str | None:
    """The fact's reason, for programs."""
    if entry.event in {"payment_failed", "refund_failed"}:
        return entry.order.payment.failure
    if entry.event == "order_cancelled" and entry.order.cancellation:
        return entry.order.cancellation.reason
    return None


def moment(at: datetime) -> str:
    """RFC 3339, in UTC."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
