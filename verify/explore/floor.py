"""delivery and restaurant in the explorer: their real rules, rows in dictionaries, timers that run at any moment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from delivery import desk as delivery_desk
from delivery import domain as delivery_rules
from delivery import events as delivery_events
from explore.log import COURIERS, ORDERS, RESTAURANTS, Record, Said
from explore.service import Read, Service, Work
from restaurant import domain as restaurant_rules
from restaurant import events as restaurant_events
from restaurant import shelves as restaurant_shelves


@dataclass
class Delivery(Service):
    """Jobs and couriers. `used` orders couriers by their last assignment."""

    name = "delivery"
    topics = (ORDERS, COURIERS)
    reads = delivery_events.READS

    jobs: dict[str, delivery_rules.Job] = field(default_factory=dict)
    couriers: dict[str, delivery_rules.Courier] = field(default_factory=dict)
    used: dict[str, int] = field(default_factory=dict)
    freed: bool = False
    """The last commit let a courier go while an order may wait: the search is due at once."""

    def decide(self, reads: Sequence[Read]) -> Work:
        events = [(key, event) for key, event, _ in reads]
        keys = {key for key, _ in events}
        jobs = {o: job for o, job in self.jobs.items() if o in keys or job.courier_id in keys}
        named = keys | {jobs[key].courier_id for key in keys & jobs.keys()}
        desk = delivery_desk.Desk(jobs, {c: courier for c, courier in self.couriers.items() if c in named})
        desk.put(self.couriers[c] for c in desk.strangers(events) if c in self.couriers)
        desk.offer(self._free(desk.couriers_needed(events)))
        said = [one for key, event in events for one in self._fold(desk, key, event)]
        facts = [_said(o, delivery_events.TYPE_OF[type(fact)], fact) for o, fact in said]
        return Work(lambda: self._save(desk, facts), frozenset(keys | jobs.keys() | desk.couriers.keys()))

    def _fold(self, desk: delivery_desk.Desk, key: str, event: Any) -> delivery_desk.Said:
        if isinstance(event, delivery_events.ShiftEnded) and not self.rules.replace_leavers:
            left = delivery_rules.shift(desk.couriers[key], event)
            desk.couriers[key] = desk.changed_couriers[key] = left
            return []
        if isinstance(event, delivery_events.OfCourier):
            return desk.shift(key, event)
        job = desk.jobs.get(key, delivery_rules.Job())
        if isinstance(event, delivery_events.OrderPickedUp) and not self.rules.believe_pick_up:
            event = delivery_events.OrderPickedUp(job.courier_id or event.courier_id)
        return [] if self._forgets(job, event) else desk.order(key, event)

    def _forgets(self, job: delivery_rules.Job, event: object) -> bool:
        """The control: an end is remembered only where a courier is to be let go."""
        ends = isinstance(event, delivery_events.OrderCancelled | delivery_events.OrderDelivered)
        return not self.rules.remember_closed and ends and job.courier_id is None

    def _free(self, limit: int, locked: frozenset[str] = frozenset()) -> list[delivery_rules.Courier]:
        free = [c for c in self.couriers.values() if c.free and c.courier_id not in locked]
        return sorted(free, key=lambda c: (self.used.get(c.courier_id, -1), c.courier_id))[:limit]

    def _save(self, desk: delivery_desk.Desk, said: Sequence[Said]) -> None:
        self.jobs |= desk.changed_jobs
        self.couriers |= desk.changed_couriers
        self.used |= dict.fromkeys(desk.taken, len(self.log.wal))
        self.freed = desk.may_serve_waiting
        self.log.commit(self.name, said)

    def searching(self) -> list[str]:
        """Orders that the search could give a courier now."""
        waiting = [o for o, j in self.jobs.items() if j.state is delivery_rules.State.SEARCHING]
        return [o for o in waiting if o not in self.locked][: len(self._free(len(waiting), self.locked))]

    def search(self) -> None:
        """The timer: passes over what an open batch holds."""
        orders = self.searching()
        desk = delivery_desk.Desk({o: self.jobs[o] for o in orders}, {})
        desk.offer(self._free(len(orders), self.locked))
        facts = [said for o in orders for said in desk.order(o, delivery_rules.RetryDue())]
        self._save(desk, [_said(o, delivery_events.TYPE_OF[type(fact)], fact) for o, fact in facts])


@dataclass
class Restaurant(Service):
    """Tickets and stock. `kitchens`: restaurant → preparation seconds; `now` is the database's clock."""

    name = "restaurant"
    topics = (ORDERS, RESTAURANTS)
    reads = restaurant_events.READS

    kitchens: dict[str, int | None] = field(default_factory=dict)
    stock: dict[restaurant_shelves.Place, int] = field(default_factory=dict)
    counted_at: dict[restaurant_shelves.Place, datetime] = field(default_factory=dict)
    tickets: dict[str, restaurant_rules.Ticket] = field(default_factory=dict)
    ready_at: dict[str, float] = field(default_factory=dict)
    now: float = 0.0

    def wants(self, record: Record) -> bool:
        return record.source != self.name

    def decide(self, reads: Sequence[Read]) -> Work:
        keys = {key for key, _, _ in reads}
        shelves = restaurant_shelves.Shelves({o: t for o, t in self.tickets.items() if o in keys})
        wanted = shelves.stock_needed((key, event) for key, event, _ in reads)
        shelves.put({place: self._shelf(place) for place in wanted if place in self.stock})
        said = [_said(key, restaurant_events.TYPE_OF[type(fact)], fact) for key, fact in self._fold(shelves, reads)]
        return Work(lambda: self._save(shelves, said), frozenset(keys))

    def _fold(
        self, shelves: restaurant_shelves.Shelves, reads: Sequence[Read]
    ) -> Iterator[tuple[str, restaurant_events.Outgoing]]:
        for key, event, said_at in reads:
            at = datetime.fromtimestamp(said_at, UTC)
            if isinstance(event, restaurant_events.OfRestaurant):
                shelves.count(key, event, at)
            elif isinstance(event, restaurant_events.ItemsOutOfStock) and not self.rules.gone_is_gone:
                for missing in event.items:  # the control: the end that follows gives all of it back
                    none = restaurant_events.StockSet(missing.item_id, 0)
                    shelves.count(shelves.tickets[key].restaurant_id, none, at)
            elif not self._forgets(shelves.tickets.get(key), event):
                for fact in shelves.order(key, event, restaurant_shelves.Cause(at)):
                    yield key, fact

    def _forgets(self, ticket: restaurant_rules.Ticket | None, event: object) -> bool:
        """The control: an end is remembered only where stock was taken."""
        ends = isinstance(event, restaurant_events.OrderCancelled | restaurant_events.OrderDelivered)
        return not self.rules.remember_closed and ends and (ticket is None or not ticket.held)

    def _shelf(self, place: tuple[str, str]) -> restaurant_shelves.Shelf:
        counted_at = self.counted_at.get(place) if self.rules.newest_word else None
        return restaurant_shelves.Shelf(self.stock[place], self.kitchens[place[0]], counted_at)

    def _save(self, shelves: restaurant_shelves.Shelves, said: Sequence[Said]) -> None:
        for order_id, ticket in shelves.changed.items():
            self.tickets[order_id] = ticket
            if ticket.state is not restaurant_rules.State.COOKING:
                self.ready_at.pop(order_id, None)
            elif ticket.ready_in is not None:
                self.ready_at.setdefault(order_id, self.now + ticket.ready_in)
        for place, count in shelves.counts.items():
            self.stock[place], self.counted_at[place] = count
        for place, change in shelves.stock_changes.items():
            self.stock[place] += change
        self.log.commit(self.name, said)

    def cooking(self) -> list[str]:
        """Tickets of automatic kitchens that no open batch holds."""
        return [order_id for order_id in self.ready_at if order_id not in self.locked]

    def finish(self, order_ids: Sequence[str]) -> None:
        """The timer: these tickets' time has passed."""
        shelves = restaurant_shelves.Shelves({o: self.tickets[o] for o in order_ids})
        facts = [(o, fact) for o in order_ids for fact in shelves.order(o, restaurant_rules.PreparationOver())]
        self._save(shelves, [_said(o, restaurant_events.TYPE_OF[type(fact)], fact) for o, fact in facts])


def _said(order_id: str, kind: str, fact: object) -> Said:
    return Said(ORDERS, order_id, kind, fact)
