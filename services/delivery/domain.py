"""Who carries which order: pure rules, no clock, no IO.

`step(job, event, offered) -> (job, facts)` folds one event of one order. `offered` is the courier that the caller has
locked for it, or None; the caller asks `wants_courier` first, so that no more couriers are locked than needed. What the
step means for the couriers themselves is derived from the job before and after it: see `hand_over`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from delivery.events import (
    DeliveryAssigned,
    OrderCancelled,
    OrderDelivered,
    OrderPickedUp,
    PaymentCompleted,
    ShiftEnded,
    ShiftStarted,
)

NONE, SEARCHING, ASSIGNED, PICKED_UP, CLOSED = "NONE", "SEARCHING", "ASSIGNED", "PICKED_UP", "CLOSED"


@dataclass(frozen=True)
class RetryDue:
    """The database's clock says: look for a courier again. Never read from the log."""


Input = PaymentCompleted | OrderPickedUp | OrderDelivered | OrderCancelled | RetryDue


@dataclass(frozen=True)
class Job:
    """One order, as delivery sees it. NONE: nothing read yet. CLOSED: for ever, also for an order never seen before."""

    state: str = NONE
    courier_id: str | None = None  # set while ASSIGNED or PICKED_UP: that courier is busy
    n: int = 0  # couriers this order has had


@dataclass(frozen=True)
class Courier:
    """Free means: on shift and without an order."""

    courier_id: str
    on_shift: bool = False
    order_id: str | None = None

    @property
    def free(self) -> bool:
        """May be offered to an order."""
        return self.on_shift and self.order_id is None


def wants_courier(job: Job, event: Input) -> bool:
    """Whether this step would take a courier if one is offered."""
    return (job.state == NONE and isinstance(event, PaymentCompleted)) or (
        job.state == SEARCHING and isinstance(event, RetryDue)
    )


def step(job: Job, event: Input, offered: str | None = None) -> tuple[Job, list[DeliveryAssigned]]:
    """Fold one event. Facts that come late or twice change nothing; a closed job never works again."""
    if isinstance(event, OrderCancelled | OrderDelivered):
        return replace(job, state=CLOSED, courier_id=None), []
    if wants_courier(job, event):
        return _assign(job, offered)
    if job.state == ASSIGNED and isinstance(event, OrderPickedUp):
        return replace(job, state=PICKED_UP), []
    return job, []


def _assign(job: Job, offered: str | None) -> tuple[Job, list[DeliveryAssigned]]:
    if offered is None:
        return replace(job, state=SEARCHING), []
    job = Job(ASSIGNED, offered, job.n + 1)
    return job, [DeliveryAssigned(n=job.n, courier_id=offered)]


def hand_over(order_id: str, before: Job, after: Job, couriers: Mapping[str, Courier]) -> list[Courier]:
    """The couriers that change when an order's job goes from `before` to `after`: who is let go, who is taken."""
    if before.courier_id == after.courier_id:
        return []
    changed = []
    if before.courier_id is not None:
        changed.append(replace(couriers[before.courier_id], order_id=None))
    if after.courier_id is not None:
        changed.append(replace(couriers[after.courier_id], order_id=order_id))
    return changed


def shift(courier: Courier, event: ShiftStarted | ShiftEnded) -> Courier:
    """Fold a shift. Who ends the shift with an order in hand keeps that order, and gets no further one."""
    return replace(courier, on_shift=isinstance(event, ShiftStarted))
