"""Reservation and preparation of one order: pure rules, no clock, no IO.

`step(ticket, event, kitchen) -> (ticket, facts)` folds one event of one order. `kitchen` is what the caller has locked
of the restaurant's stock; it asks `needs_kitchen` first, so that stock rows are locked only when they are needed. What
the step means for the stock is derived from the ticket before and after it: see `stock_change`.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from restaurant.events import (
    DeliveryAssigned,
    ItemsOutOfStock,
    Line,
    Missing,
    OfOrder,
    OrderAccepted,
    OrderCancelled,
    OrderCreated,
    OrderDelivered,
    OrderReady,
    Outgoing,
)


class State(StrEnum):
    """Where an order's ticket stands. CLOSED is for ever, also for an order of which nothing else was ever read."""

    NONE = "NONE"
    ORDERED = "ORDERED"
    COOKING = "COOKING"
    READY = "READY"
    CLOSED = "CLOSED"


class UnknownOrderError(Exception):
    """A fact of an order that was never created: the log never says that, so the event is at fault."""


@dataclass(frozen=True, slots=True)
class PreparationOver:
    """The database's clock says: the automatic kitchen's time has passed. Never read from the log."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """One order in the kitchen."""

    state: State = State.NONE
    restaurant_id: str = ""
    lines: tuple[Line, ...] = ()
    held: bool = False  # stock was taken for this order and not given back (also when it has been eaten)
    ready_in: int | None = None  # seconds from the commit that begins cooking; None: the kitchen will say so
    traceparent: str | None = None  # of the event that created it: what a timer says later belongs to the same trace


@dataclass(frozen=True, slots=True)
class Kitchen:
    """What a reservation must know. Automatic kitchens have `preparation_seconds`, manual ones None."""

    stock: Mapping[str, int] = field(default_factory=dict)  # item_id → how many are left
    preparation_seconds: int | None = None


def needs_kitchen(ticket: Ticket, event: OfOrder | PreparationOver) -> bool:
    """Whether this step reads or changes stock."""
    return (ticket.state is State.ORDERED and isinstance(event, DeliveryAssigned)) or (
        ticket.state is State.COOKING and isinstance(event, OrderCancelled | ItemsOutOfStock)
    )


def step(ticket: Ticket, event: OfOrder | PreparationOver, kitchen: Kitchen) -> tuple[Ticket, list[Outgoing]]:
    """Fold one event. Facts that come late or twice change nothing; a closed ticket never works again.

    Raises UnknownOrderError when an order gets a courier, or is short of a dish, before it was created.
    """
    match event:
        case OrderCreated() if ticket.state is State.NONE:
            return replace(ticket, state=State.ORDERED, restaurant_id=event.restaurant_id, lines=event.items), []
        case DeliveryAssigned() | ItemsOutOfStock() if ticket.state is State.NONE:
            raise UnknownOrderError("the order was never created")
        case OrderCancelled() | ItemsOutOfStock() | OrderDelivered():
            return _close(ticket, given_back=not isinstance(event, OrderDelivered)), []
        case DeliveryAssigned() if ticket.state is State.ORDERED:
            return _reserve(ticket, kitchen)
        case OrderReady() if ticket.state is State.COOKING:
            return replace(ticket, state=State.READY, ready_in=None), []
        case PreparationOver() if ticket.state is State.COOKING:
            return replace(ticket, state=State.READY, ready_in=None), [OrderReady()]
    return ticket, []


def _close(ticket: Ticket, *, given_back: bool) -> Ticket:
    """Only until the dish is ready anything can be given back."""
    held = ticket.held and not (given_back and ticket.state is State.COOKING)
    return replace(ticket, state=State.CLOSED, held=held, ready_in=None)


def _reserve(ticket: Ticket, kitchen: Kitchen) -> tuple[Ticket, list[Outgoing]]:
    """All lines or none."""
    missing = sorted(item for item, n in needed(ticket).items() if kitchen.stock.get(item, 0) < n)
    if missing:
        short = tuple(Missing(item, kitchen.stock.get(item, 0)) for item in missing)
        return replace(ticket, state=State.CLOSED), [ItemsOutOfStock(short)]
    if kitchen.preparation_seconds == 0:
        return replace(ticket, state=State.READY, held=True), [OrderAccepted(), OrderReady()]
    return replace(ticket, state=State.COOKING, held=True, ready_in=kitchen.preparation_seconds), [OrderAccepted()]


def needed(ticket: Ticket) -> dict[str, int]:
    """item_id → quantity; a dish on two lines counts together."""
    total: Counter[str] = Counter()
    for line in ticket.lines:
        total[line.item_id] += line.quantity
    return dict(total)


def stock_change(before: Ticket, after: Ticket, event: OfOrder | PreparationOver) -> dict[str, int]:
    """item_id → what the step adds to the stock (negative: takes from it); empty when it leaves the stock alone.

    What the kitchen says is not there is not given back.
    """
    if before.held == after.held:
        return {}
    sign = -1 if after.held else 1
    gone = {missing.item_id for missing in event.items} if isinstance(event, ItemsOutOfStock) else ()
    return {item: sign * n for item, n in needed(after).items() if item not in gone}
