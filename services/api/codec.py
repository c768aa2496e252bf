"""Orders, facts and menus as text and back: JSON with the fields in the order of their classes.

The text of an order is its document: what the journal keeps, the topic carries, and a replay must make again.
"""

from typing import Any

import msgspec

from api.domain import Order
from api.events import READS, WRITES, Fact, MenuItem

_order = msgspec.json.Decoder(Order)
_menu = msgspec.json.Decoder(tuple[MenuItem, ...])
_facts: dict[str, msgspec.json.Decoder[Any]] = {
    name: msgspec.json.Decoder(cls) for name, cls in (READS | WRITES).items()
}


def text(value: object) -> str:
    """The canonical JSON of an order (its document), a fact or a menu."""
    return msgspec.json.encode(value).decode()


def order_of(document: str) -> Order:
    """The order a document holds."""
    return _order.decode(document)


def fact_of(kind: str, data: str) -> Fact:
    """The fact a journal row or an outbox row holds."""
    fact: Fact = _facts[kind].decode(data)
    return fact


def menu_of(menu: str) -> tuple[MenuItem, ...]:
    """The items of a restaurant's row."""
    return _menu.decode(menu)
