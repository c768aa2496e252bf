"""Reservation and preparation of one order: pure rules, no clock, no IO.

`step(ticket, event, kitchen) -> (ticket, facts)` folds one event of one order. `kitchen` is what the caller has locked
of the restaurant's stock; it asks `needs_kitchen` first, so that stock rows are locked only when they are needed. What
the step means for the stock is derived from the ticket before and after it: see `stock_change`.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from restaurant.events import (
    DeliveryAssigned,
    ItemsOutOfStock,
    Line,
    OrderAccepted,
    OrderCancelled,
    OrderCreated,
    OrderDelivered,
    OrderReady,
)

NONE, ORDERED, COOKING, READY, CLOSED = "NONE", "ORDERED", "COOKING", "READY", "CLOSED"


class UnknownOrderError(Exception):
    """A courier for an order that was never created: the log never says that, so the event is at fault."""


@dataclass(frozen=True)
class PreparationOver:
    """The database's clock says: the automatic kitchen's time has passed. Never read from the log."""


Input = OrderCreated | DeliveryAssigned | OrderReady | OrderDelivered | OrderCancelled | PreparationOver
Fact = OrderAccepted | ItemsOutOfStock | OrderReady


@dataclass(frozen=True)
class Ticket:
    """One order in the kitchen. NONE: nothing read yet. CLOSED: for ever, also for an order never seen before."""

    state: str = NONE
    restaurant_id: str | None = None
    lines: tuple[Line, ...] = ()
    held: bool = False  # stock was taken for this order and not given back (also when it has been eaten)
    ready_in: int | None = None  # seconds from the commit that begins cooking; None: the kitchen will say so


@dataclass(frozen=True)
class Kitchen:
    """What a reservation must know of a restaurant. Automatic kitchens have `preparation_seconds`, manual ones None."""

    stock: Mapping[str, int] = field(default_factory=dict)  # item_id → how many are left
    preparation_seconds: int | None = None


def needs_kitchen(ticket: Ticket, event: Input) -> bool:
    """Whether this step reads or changes stock."""
    return (ticket.state == ORDERED and isinstance(event, DeliveryAssigned)) or (
        ticket.state == COOKING and isinstance(event, OrderCancelled)
    )


def step(ticket: Ticket, event: Input, kitchen: Kitchen) -> tuple[Ticket, list[Fact]]:
    """Fold one event. Facts that come late or twice change nothing; a closed ticket never works again.

    Raises UnknownOrderError when an order gets a courier before it was created.
    """
    if isinstance(event, OrderCancelled | OrderDelivered):
        given_back = ticket.state == COOKING and isinstance(event, OrderCancelled)
        return replace(ticket, state=CLOSED, held=ticket.held and not given_back, ready_in=None), []
    if ticket.state == NONE and isinstance(event, OrderCreated):
        return Ticket(ORDERED, event.restaurant_id, event.items), []
    if isinstance(event, DeliveryAssigned):
        return _reserve(ticket, kitchen)
    if ticket.state == COOKING and isinstance(event, OrderReady):
        return replace(ticket, state=READY, ready_in=None), []
    if ticket.state == COOKING and isinstance(event, PreparationOver):
        return replace(ticket, state=READY, ready_in=None), [OrderReady()]
    return ticket, []


def _reserve(ticket: Ticket, kitchen: Kitchen) -> tuple[Ticket, list[Fact]]:
    """All lines or none. A second courier (after the first gave up) finds the ticket past ORDERED."""
    if ticket.state == NONE:
        raise UnknownOrderError("delivery_assigned for an order that was never created")
    if ticket.state != ORDERED:
        return ticket, []
    missing = tuple(sorted(item for item, n in needed(ticket).items() if kitchen.stock.get(item, 0) < n))
    if missing:
        return replace(ticket, state=CLOSED), [ItemsOutOfStock(items=missing)]
    if kitchen.preparation_seconds == 0:
        return replace(ticket, state=READY, held=True), [OrderAccepted(), OrderReady()]
    return replace(ticket, state=COOKING, held=True, ready_in=kitchen.preparation_seconds), [OrderAccepted()]


def needed(ticket: Ticket) -> dict[str, int]:
    """item_id → quantity; a dish on two lines counts together."""
    total: Counter[str] = Counter()
    for line in ticket.lines:
        total[line.item_id] += line.quantity
    return dict(total)


def stock_change(before: Ticket, after: Ticket) -> dict[str, int]:
    """item_id → what the step adds to the stock (negative: takes from it); empty when it leaves the stock alone."""
    if before.held == after.held:
        return {}
    sign = -1 if after.held else 1
    return {item: sign * n for item, n in needed(after).items()}
