"""A book of the kitchens' stock, kept beside restaurant's: what was taken, given back, counted, and found missing.

It follows the events in the order in which restaurant committed them, and shares none of its rules.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from explore.log import Record
from explore.world import DISHES, KITCHENS, PORTIONS, World

Place = tuple[str, str]


def shelves(world: World) -> dict[Place, int]:
    """What must be there."""
    book = Book({record.said.key for record in world.log.wal if record.said.type == "order_accepted"})
    for record in world.log.wal:
        if record.said.type == "order_created":
            order = record.said.data
            book.ordered[record.said.key] = Counter({(order.restaurant_id, i.item_id): i.quantity for i in order.items})
    for record in _story(world):
        book.enter(record)
    return book.stock


def _story(world: World) -> Iterator[Record]:
    """What restaurant handled, and when its timer made a dish ready, in the order of its commits."""
    handled = [(one.since, 0, n, one.record) for n, one in enumerate(world.restaurant.handled)]
    ready = [
        (record.id, 1, 0, record)
        for record in world.log.wal
        if record.source == "restaurant" and record.said.type == "order_ready"
    ]
    yield from (record for *_, record in sorted([*handled, *ready], key=lambda entry: entry[:3]))


@dataclass
class Book:
    """`accepted`: the orders that got all they asked for. `taken`: what a cancellation would still bring back."""

    accepted: set[str]
    ordered: dict[str, Counter[Place]] = field(default_factory=dict)
    taken: dict[str, Counter[Place]] = field(default_factory=dict)
    stock: dict[Place, int] = field(
        default_factory=lambda: {(kitchen, dish): PORTIONS for kitchen in KITCHENS for dish in DISHES}
    )
    counted: dict[Place, int] = field(default_factory=dict)
    """When the kitchen last said how many there are."""

    def enter(self, record: Record) -> None:
        """One event."""
        key, data = record.said.key, record.said.data
        match record.said.type, record.source:
            case "delivery_assigned", _ if key in self.accepted:
                self.accepted.remove(key)
                self._add(self.ordered[key], -1)
                if KITCHENS[_kitchen(self.ordered[key])] != 0:  # else it was ready, and used, in the same moment
                    self.taken[key] = self.ordered[key]
            case (("order_ready" | "order_delivered"), _):
                self.taken.pop(key, None)
            case "order_cancelled", _:
                self._add(self.taken.pop(key, Counter()), 1)
            case "items_out_of_stock", "api":
                kitchen = _kitchen(self.ordered[key])
                back = self.taken.pop(key, Counter())
                gone = {missing.item_id for missing in data.items}
                self._add(Counter({place: n for place, n in back.items() if place[1] not in gone}), 1)
                for item_id in gone:
                    self._count((kitchen, item_id), 0, record.id)
            case "stock_set", _:
                self._count((key, data.item_id), data.quantity, record.id)

    def _add(self, portions: Counter[Place], sign: int) -> None:
        for place, n in portions.items():
            self.stock[place] += sign * n

    def _count(self, place: Place, quantity: int, at: int) -> None:
        if self.counted.get(place, -1) <= at:
            self.counted[place] = at
            self.stock[place] = quantity


def _kitchen(portions: Counter[Place]) -> str:
    return next(iter(portions))[0]
