"""The kitchens' shelves: the tickets and stock one transaction has locked, and a batch folded over them in memory.

Pure, like the rules it applies: one order may come several times in a batch, and orders of a batch share stock.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from restaurant.domain import Kitchen, PreparationOver, State, Ticket, needed, needs_kitchen, step, stock_change
from restaurant.events import DeliveryAssigned, Incoming, OrderCancelled, OrderCreated, Outgoing


@dataclass(frozen=True, slots=True)
class Shelf:
    """One dish of one restaurant: how many are left, and how its kitchen works."""

    quantity: int
    preparation_seconds: int | None


@dataclass
class Shelves:
    """`tickets` as they stand now: at first those that have a row, locked by this transaction."""

    tickets: dict[str, Ticket]
    changed: dict[str, Ticket] = field(default_factory=dict)
    stock_changes: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(restaurant, dish) → what to add to the stock."""

    def __post_init__(self) -> None:
        self.known = set(self.tickets)
        self._stock: dict[str, dict[str, int]] = {}
        self._seconds: dict[str, int | None] = {}

    def stock_needed(self, events: Iterable[tuple[str, Incoming]]) -> set[tuple[str, str]]:
        """The stock that these events may need: of orders that get a courier or are cancelled while they are open.

        An order that is created in the same batch counts; asked before anything is folded.
        """
        tickets = dict(self.tickets)
        wanted: set[tuple[str, str]] = set()
        for order_id, event in events:
            if isinstance(event, OrderCreated):
                tickets.setdefault(order_id, step(Ticket(), event, Kitchen())[0])
            elif isinstance(event, DeliveryAssigned | OrderCancelled):
                ticket = tickets.get(order_id, Ticket())
                if ticket.state in {State.ORDERED, State.COOKING}:
                    wanted |= {(ticket.restaurant_id, item_id) for item_id in needed(ticket)}
        return wanted

    def put(self, shelves: dict[tuple[str, str], Shelf]) -> None:
        """Stock that was locked."""
        for (restaurant_id, item_id), shelf in shelves.items():
            self._stock.setdefault(restaurant_id, {})[item_id] = shelf.quantity
            self._seconds[restaurant_id] = shelf.preparation_seconds

    def fold(self, order_id: str, event: Incoming | PreparationOver) -> list[Outgoing]:
        """Fold an event of an order; -> the facts it makes. Raises UnknownOrderError."""
        before = self.tickets.get(order_id, Ticket())
        kitchen = self._kitchen(before.restaurant_id) if needs_kitchen(before, event) else Kitchen()
        after, facts = step(before, event, kitchen)
        if after != before:
            self.tickets[order_id] = self.changed[order_id] = after
            for item_id, change in stock_change(before, after).items():
                self._stock[after.restaurant_id][item_id] += change
                self.stock_changes[after.restaurant_id, item_id] += change
        return facts

    def _kitchen(self, restaurant_id: str) -> Kitchen:
        return Kitchen(self._stock.get(restaurant_id, {}), self._seconds.get(restaurant_id))
