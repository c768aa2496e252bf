"""The kitchens' shelves: the tickets and stock one transaction has locked, and a batch folded over them in memory.

Pure, like the rules it applies: one order may come several times in a batch, and orders of a batch share stock.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from restaurant.domain import Kitchen, PreparationOver, State, Ticket, needed, needs_kitchen, step, stock_change
from restaurant.events import (
    DeliveryAssigned,
    ItemsOutOfStock,
    OfOrder,
    OfRestaurant,
    OrderCancelled,
    OrderCreated,
    Outgoing,
    StockSet,
)

Place = tuple[str, str]
"""(restaurant, dish)."""
TAKES_OR_GIVES = (DeliveryAssigned, ItemsOutOfStock, OrderCancelled)


class Cause(NamedTuple):
    """When an event was said, and in which trace."""

    at: datetime
    traceparent: str | None = None


TIMER = Cause(datetime.min.replace(tzinfo=UTC))


class Count(NamedTuple):
    """The kitchen's word: so many of a dish were there at that moment."""

    quantity: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Shelf:
    """One dish of one restaurant: how many are left, and how its kitchen works."""

    quantity: int
    preparation_seconds: int | None
    counted_at: datetime | None = None


@dataclass
class Shelves:
    """`tickets` as they stand now: at first those that have a row, locked by this transaction."""

    tickets: dict[str, Ticket]
    changed: dict[str, Ticket] = field(default_factory=dict)
    counts: dict[Place, Count] = field(default_factory=dict)
    """What the kitchen counted here: it replaces what was there."""
    stock_changes: Counter[Place] = field(default_factory=Counter)
    """What to add to the stock; where the kitchen counted, after that."""

    def __post_init__(self) -> None:
        self.known = set(self.tickets)
        self._stock: dict[str, dict[str, int]] = {}
        self._seconds: dict[str, int | None] = {}
        self._counted_at: dict[Place, datetime] = {}

    def stock_needed(self, events: Iterable[tuple[str, OfOrder | OfRestaurant]]) -> set[Place]:
        """The stock that these events may need: what is counted, and that of orders which may take or give back.

        An order that is created in the same batch counts; asked before anything is folded.
        """
        tickets = dict(self.tickets)
        wanted: set[Place] = set()
        for key, event in events:
            if isinstance(event, StockSet):
                wanted.add((key, event.item_id))
            elif isinstance(event, OrderCreated):
                tickets.setdefault(key, step(Ticket(), event, Kitchen())[0])
            elif isinstance(event, TAKES_OR_GIVES):
                wanted |= _of_order(tickets.get(key, Ticket()), event)
        return wanted

    def put(self, shelves: dict[Place, Shelf]) -> None:
        """Stock that was locked."""
        for place, shelf in shelves.items():
            restaurant_id, item_id = place
            self._stock.setdefault(restaurant_id, {})[item_id] = shelf.quantity
            self._seconds[restaurant_id] = shelf.preparation_seconds
            if shelf.counted_at:
                self._counted_at[place] = shelf.counted_at

    def order(self, order_id: str, event: OfOrder | PreparationOver, cause: Cause = TIMER) -> list[Outgoing]:
        """Fold an event of an order; -> the facts it makes. Raises UnknownOrderError."""
        before = self.tickets.get(order_id, Ticket(traceparent=cause.traceparent))
        kitchen = self._kitchen(before.restaurant_id) if needs_kitchen(before, event) else Kitchen()
        after, facts = step(before, event, kitchen)
        if after != before:
            self.tickets[order_id] = self.changed[order_id] = after
            for item_id, change in stock_change(before, after, event).items():
                self._stock[after.restaurant_id][item_id] += change
                self.stock_changes[after.restaurant_id, item_id] += change
        if isinstance(event, ItemsOutOfStock):
            stock = self._stock.get(after.restaurant_id, {})
            counted = {missing.item_id: missing.left for missing in event.items if missing.item_id in stock}
            self._count(after.restaurant_id, counted, cause.at)
        return facts

    def count(self, restaurant_id: str, event: StockSet, at: datetime) -> None:
        """Fold what the kitchen counted, also of a dish that never had any stock."""
        self._count(restaurant_id, {event.item_id: event.quantity}, at)

    def _count(self, restaurant_id: str, quantities: Mapping[str, int], at: datetime) -> None:
        """The newest word stands: counts and reports come by different topics, in no order between them."""
        for item_id, quantity in quantities.items():
            place = (restaurant_id, item_id)
            if self._counted_at.get(place, at) <= at:
                self._counted_at[place] = at
                self._stock.setdefault(restaurant_id, {})[item_id] = quantity
                self.counts[place] = Count(quantity, at)
                self.stock_changes.pop(place, None)

    def _kitchen(self, restaurant_id: str) -> Kitchen:
        return Kitchen(self._stock.get(restaurant_id, {}), self._seconds.get(restaurant_id))


def _of_order(ticket: Ticket, event: OfOrder) -> set[Place]:
    """What an event may change for an order: nothing of its dishes once it is closed, always what has run out."""
    items = {missing.item_id for missing in event.items} if isinstance(event, ItemsOutOfStock) else set()
    if ticket.state in {State.ORDERED, State.COOKING}:
        items |= needed(ticket).keys()
    return {(ticket.restaurant_id, item_id) for item_id in items}
