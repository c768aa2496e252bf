"""What the judge reads of an order's document, and of an event's data."""

from __future__ import annotations

import msgspec

from check import contract


class Payment(msgspec.Struct, frozen=True):
    """Part of a document."""

    status: str
    attempt: int = 1


class Cancellation(msgspec.Struct, frozen=True):
    """Part of a document."""

    reason: str


class Document(msgspec.Struct, frozen=True):
    """An order's document, as far as the judge believes it."""

    id: str
    version: int
    status: str
    since: int
    customer_id: str
    restaurant_id: str
    total: int
    currency: str
    payment: Payment
    courier_id: str | None = None
    cancellation: Cancellation | None = None

    @property
    def ended(self) -> bool:
        """Delivered or cancelled."""
        return self.status not in contract.OPEN

    @property
    def settled(self) -> bool:
        """Nothing about the order will change again."""
        return self.status == contract.DELIVERED or (
            self.status == contract.CANCELLED and self.payment.status in contract.SETTLEMENTS
        )


_document = msgspec.json.Decoder(Document).decode


def document(text: str) -> Document | None:
    """None for what is none."""
    try:
        return _document(text)
    except msgspec.DecodeError:
        return None


def object_of(text: str) -> dict[str, object]:
    """A JSON object; empty for what is none."""
    try:
        return msgspec.json.decode(text, type=dict[str, object])
    except msgspec.DecodeError:
        return {}
