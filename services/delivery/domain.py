"""Who carries which order: pure rules, no clock, no IO.

`step(job, event, offered) -> (job, facts)` folds one event of one order. `offered` is the courier that the caller has
locked for it, or None; the caller asks `wants_courier` first, so that no more couriers are locked than needed. What the
step means for the couriers themselves is derived from the job before and after it: see `hand_over`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from delivery.events import (
    DeliveryAssigned,
    OfCourier,
    OfOrder,
    OrderCancelled,
    OrderDelivered,
    OrderPickedUp,
    Outgoing,
    PaymentCompleted,
    ShiftStarted,
)


class State(StrEnum):
    """Where an order's job stands. CLOSED is for ever, also for an order of which nothing else was ever read."""

    NONE = "NONE"
    SEARCHING = "SEARCHING"
    ASSIGNED = "ASSIGNED"
    PICKED_UP = "PICKED_UP"
    CLOSED = "CLOSED"


@dataclass(frozen=True, slots=True)
class RetryDue:
    """The database's clock says: look for a courier again. Never read from the log."""


@dataclass(frozen=True, slots=True)
class CourierLeft:
    """The order's courier ended the shift. Derived from the courier's event: see the desk."""


@dataclass(frozen=True, slots=True)
class Job:
    """One order, as delivery sees it."""

    state: State = State.NONE
    courier_id: str | None = None  # set while ASSIGNED or PICKED_UP: that courier is busy
    n: int = 0  # couriers this order was given
    traceparent: str | None = None  # of the event that began it: what a timer says later belongs to the same trace


@dataclass(frozen=True, slots=True)
class Courier:
    """Busy while there is an order; free on shift and without one."""

    courier_id: str
    on_shift: bool = False
    # One at most by assignment; a second one is in the hands of who picked up what was not theirs any more.
    orders: tuple[str, ...] = ()

    @property
    def free(self) -> bool:
        """May be offered to an order."""
        return self.on_shift and not self.orders


Input = OfOrder | RetryDue | CourierLeft
WANTS: frozenset[tuple[State, type]] = frozenset(
    {(State.NONE, PaymentCompleted), (State.SEARCHING, RetryDue), (State.ASSIGNED, CourierLeft)}
)


def wants_courier(job: Job, event: Input) -> bool:
    """Whether this step would take a courier if one is offered."""
    return (job.state, type(event)) in WANTS


def step(job: Job, event: Input, offered: str | None = None) -> tuple[Job, list[Outgoing]]:
    """Fold one event. Facts that come late or twice change nothing; a closed job never works again."""
    match event:
        case OrderCancelled() | OrderDelivered():
            return replace(job, state=State.CLOSED, courier_id=None), []
        case PaymentCompleted() | RetryDue() | CourierLeft() if wants_courier(job, event):
            return _assign(job, offered)
        case OrderPickedUp(courier_id) if job.state in {State.SEARCHING, State.ASSIGNED}:
            return replace(job, state=State.PICKED_UP, courier_id=courier_id), []
    return job, []


def _assign(job: Job, offered: str | None) -> tuple[Job, list[Outgoing]]:
    if offered is None:
        return replace(job, state=State.SEARCHING, courier_id=None), []
    assigned = replace(job, state=State.ASSIGNED, courier_id=offered, n=job.n + 1)
    return assigned, [DeliveryAssigned(n=assigned.n, courier_id=offered)]


def hand_over(order_id: str, before: Job, after: Job, couriers: Mapping[str, Courier]) -> list[Courier]:
    """The couriers that change when an order's job goes from `before` to `after`: who is let go, then who is taken.

    Who is not among `couriers` has never started a shift.
    """
    if before.courier_id == after.courier_id:
        return []
    changed = []
    if before.courier_id is not None:
        former = couriers[before.courier_id]
        changed.append(replace(former, orders=tuple(one for one in former.orders if one != order_id)))
    if after.courier_id is not None:
        present = couriers.get(after.courier_id, Courier(after.courier_id))
        changed.append(replace(present, orders=(*present.orders, order_id)))
    return changed


def shift(courier: Courier, event: OfCourier) -> Courier:
    """Fold a shift. Who ends it gets no further order; what that means for the present one is said to its job."""
    return replace(courier, on_shift=isinstance(event, ShiftStarted))
