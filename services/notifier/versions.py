"""A version of an order as it comes from the topic or the table."""

from dataclasses import dataclass
from datetime import datetime

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
        order = _decode(payload)
    except (ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors
        raise Unreadable(str(error)) from error
    if not 1 <= order.since <= order.version:
        raise Unreadable(f"version {order.version} waits since {order.since}")
    return Version(order, event, at)
