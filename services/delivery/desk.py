"""The dispatcher's desk: what one transaction has locked, and every event of a batch folded over it in memory.

Pure, like the rules it applies: the same order may come several times in one batch, a courier freed by one event may be
given away by the next.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from delivery.domain import Courier, Job, RetryDue, State, hand_over, shift, step, wants_courier
from delivery.events import OfCourier, OfOrder, Outgoing


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

    def offer(self, free: Iterable[Courier]) -> None:
        """Couriers that were locked to be given away, best first."""
        for courier in free:
            self.known_couriers.add(courier.courier_id)
            self.couriers.setdefault(courier.courier_id, courier)
            self._pool.append(courier.courier_id)

    def order(self, order_id: str, event: OfOrder | RetryDue) -> list[Outgoing]:
        """Fold an event of an order; -> the facts it makes."""
        before = self.jobs.get(order_id, Job())
        offered = self._next_free() if wants_courier(before, event) else None
        after, facts = step(before, event, offered)
        if after != before:
            self.jobs[order_id] = self.changed_jobs[order_id] = after
            for courier in hand_over(order_id, before, after, self.couriers):
                self._put(courier)
        return facts

    def shift(self, courier_id: str, event: OfCourier) -> None:
        """Fold a shift of a courier."""
        before = self.couriers.get(courier_id, Courier(courier_id))
        after = shift(before, event)
        if after != before:
            self._put(after)

    def _put(self, courier: Courier) -> None:
        before = self.couriers.get(courier.courier_id)
        self.couriers[courier.courier_id] = self.changed_couriers[courier.courier_id] = courier
        if courier.order_id is not None and (before is None or before.order_id != courier.order_id):
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


def couriers_needed(events: Iterable[tuple[str, OfOrder | OfCourier]], jobs: Mapping[str, Job]) -> int:
    """How many couriers a batch could give away: no more are locked."""
    return len(
        {
            key
            for key, event in events
            if not isinstance(event, OfCourier) and wants_courier(jobs.get(key, Job()), event)
        }
    )
