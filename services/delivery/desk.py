"""The dispatcher's desk: what one transaction has locked, and every event of a batch folded over it in memory.

Pure, like the rules it applies: the same order may come several times in one batch, a courier freed by one event may be
given away by the next.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from delivery.domain import Courier, CourierLeft, Input, Job, State, hand_over, shift, step, wants_courier
from delivery.events import OfCourier, OfOrder, OrderPickedUp, Outgoing, ShiftEnded

Pair = tuple[str, OfOrder | OfCourier]
"""The key of an event, and its data."""
Said = list[tuple[str, Outgoing]]
"""Facts, each with its order."""


@dataclass
class Desk:
    """`jobs` and `couriers` as they stand now: at first those that have a row, locked by this transaction."""

    jobs: dict[str, Job]
    couriers: dict[str, Courier]
    orders_wait: bool = True
    """Orders that are not on the desk may be waiting for a courier."""
    changed_jobs: dict[str, Job] = field(default_factory=dict)
    changed_couriers: dict[str, Courier] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    """Couriers given an order here."""
    freed: bool = False
    """Somebody became free here."""

    def __post_init__(self) -> None:
        self.known_jobs = set(self.jobs)
        self.known_couriers = set(self.couriers)
        self._pool: deque[str] = deque()

    @property
    def may_serve_waiting(self) -> bool:
        """Somebody became free while an order waits: worth a search at once."""
        waits = self.orders_wait or any(job.state is State.SEARCHING for job in self.changed_jobs.values())
        return self.freed and waits

    def couriers_needed(self, events: Iterable[Pair]) -> int:
        """How many couriers a batch could give away: no more are locked. Asked before anything is folded."""
        pairs = list(events)
        left = {key for key, event in pairs if isinstance(event, ShiftEnded)}
        wants = {key for key, event in pairs if not isinstance(event, OfCourier) and self._wants(key, event)}
        wants |= {order_id for courier_id in left for order_id in self._carried(courier_id)}
        # One who leaves may be among those that are offered.
        return len(wants) + len(left) if wants else 0

    def strangers(self, events: Iterable[Pair]) -> list[str]:
        """Couriers who picked up what was not theirs, or not any more: their rows are not on the desk."""
        named = {event.courier_id for _, event in events if isinstance(event, OrderPickedUp)}
        return sorted(named - self.couriers.keys())

    def overtaken(self, events: Iterable[Pair]) -> str | None:
        """A courier who leaves with an order that is not on the desk: it was given away while we waited for locks."""
        left = [self.couriers[key] for key, event in events if isinstance(event, ShiftEnded) and key in self.couriers]
        return next((c.courier_id for c in left if not self.known_jobs.issuperset(c.orders)), None)

    def put(self, couriers: Iterable[Courier]) -> None:
        """Couriers that were locked beside those the desk began with."""
        for courier in couriers:
            self.known_couriers.add(courier.courier_id)
            self.couriers.setdefault(courier.courier_id, courier)

    def offer(self, free: Iterable[Courier]) -> None:
        """Couriers that were locked to be given away, best first."""
        offered = list(free)
        self.put(offered)
        self._pool.extend(courier.courier_id for courier in offered)

    def order(self, order_id: str, event: Input, traceparent: str | None = None) -> Said:
        """Fold an event of an order; -> the facts it makes."""
        before = self.jobs.get(order_id, Job(traceparent=traceparent))
        offered = self._next_free() if wants_courier(before, event) else None
        after, facts = step(before, event, offered)
        if after != before:
            self.jobs[order_id] = self.changed_jobs[order_id] = after
            for courier in hand_over(order_id, before, after, self.couriers):
                self._put(courier)
        return [(order_id, fact) for fact in facts]

    def shift(self, courier_id: str, event: OfCourier) -> Said:
        """Fold a shift of a courier; an order that loses its courier by it looks for another at once."""
        before = self._courier(courier_id)
        after = shift(before, event)
        if after != before:
            self._put(after)
        left = self._carried(courier_id) if isinstance(event, ShiftEnded) else []
        return [said for order_id in left for said in self.order(order_id, CourierLeft())]

    def _courier(self, courier_id: str) -> Courier:
        """Who has no row yet is off shift."""
        return self.couriers.get(courier_id, Courier(courier_id))

    def _carried(self, courier_id: str) -> list[str]:
        """The orders that would lose this courier now."""
        return [order_id for order_id in self._courier(courier_id).orders if self._wants(order_id, CourierLeft())]

    def _wants(self, order_id: str, event: Input) -> bool:
        return wants_courier(self.jobs.get(order_id, Job()), event)

    def _put(self, courier: Courier) -> None:
        before = self._courier(courier.courier_id)
        self.couriers[courier.courier_id] = self.changed_couriers[courier.courier_id] = courier
        if len(courier.orders) > len(before.orders):
            self.taken.add(courier.courier_id)
        if courier.free:
            self.freed = True
            self._pool.append(courier.courier_id)

    def _next_free(self) -> str | None:
        """The pool may name couriers who went off shift, or were given away, since they came into it."""
        while self._pool:
            courier_id = self._pool.popleft()
            if self.couriers[courier_id].free:
                return courier_id
        return None
