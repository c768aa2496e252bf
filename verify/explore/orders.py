"""api in the explorer: its real rules with two writers, the projector and people's requests, and the log's clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from api import domain as rules
from api import events
from api.handlers import PASSES
from explore.log import COURIERS, JOURNAL, ORDERS, RESTAURANTS, TICKS, Record, Said
from explore.service import Read, Service, Work

ASK_AGAIN_TICKS = 60
Versions = Sequence[tuple[events.Fact, rules.Order]]


@dataclass(frozen=True)
class Request:
    """A mutation between its read and its write: holds only while the order is at the version it was decided on."""

    command: rules.Command
    order: rules.Order
    facts: Sequence[events.Fact]


@dataclass
class Api(Service):
    """Orders, their journal and deadlines. `allowances` in ticks."""

    name = "api"
    topics = (ORDERS, TICKS)
    reads = MappingProxyType({kind: shape for kind, shape in events.READS.items() if kind != "menu_published"})
    passes = PASSES

    allowances: Mapping[events.Reason, int] = field(default_factory=lambda: dict(rules.ALLOWANCES))
    orders: dict[str, rules.Order] = field(default_factory=dict)
    journal: dict[str, list[tuple[events.Fact, rules.Order]]] = field(default_factory=dict)
    placements: dict[str, tuple[str, rules.Place]] = field(default_factory=dict)
    due: dict[str, int] = field(default_factory=dict)
    clock: int = 0
    """Ticks counted: those that are read at once, after a stop of this reader, count as one."""
    tick: int = 0
    """The last tick read."""
    counts: Callable[[int, int], int] = lambda _clock, _k: _clock + 1
    """(clock, new tick) -> clock; controls have other rules."""

    # -- projector -----------------------------------------------------------------------------------------------

    def wants(self, record: Record) -> bool:
        return record.source != self.name or record.said.type == "deadline_passed"

    def decide(self, reads: Sequence[Read]) -> Work:
        orders = {key: self.orders[key] for key, _, _ in reads if key in self.orders}
        made: dict[str, list[tuple[events.Fact, rules.Order]]] = {}
        sent: list[Said] = []
        tick = self.tick
        for key, data, _ in reads if self.rules.fold_each else _last(reads):
            if isinstance(data, events.Tick):
                tick = max(tick, data.k)
                continue
            facts = self._advance(orders[key], [data])
            own = rules.decide(facts[-1][1] if facts else orders[key], data)
            facts += self._advance(facts[-1][1] if facts else orders[key], own)
            sent += [_said(key, fact) for fact in own if self.rules.say_all]
            made.setdefault(key, []).extend(facts)
            orders[key] = facts[-1][1] if facts else orders[key]
        return Work(lambda: self._save(made, sent, tick), frozenset(orders))

    def _advance(self, order: rules.Order, facts: Sequence[events.Fact]) -> list[tuple[events.Fact, rules.Order]]:
        return [(fact, self._changed(fact, after)) for fact, after in rules.advance(order, facts)]

    def _changed(self, fact: events.Fact, after: rules.Order) -> rules.Order:
        """The controls: another card begins a wait of its own; a capture after the end makes the order a paid one."""
        if not self.rules.one_allowance and isinstance(fact, events.PaymentRetryRequested):
            return replace(after, since=after.version)
        late = isinstance(fact, events.PaymentCompleted) and after.status is rules.Status.CANCELLED
        return replace(after, status=rules.Status.PAID) if late and not self.rules.end_is_final else after

    def _save(self, made: Mapping[str, Versions], sent: Sequence[Said], tick: int = 0) -> None:
        if tick > self.tick:
            self.tick, self.clock = tick, self.counts(self.clock, tick)
        for order_id, versions in made.items():
            self._append(order_id, versions)
        journal = [Said(JOURNAL, key, "version", order) for key, versions in made.items() for _, order in versions]
        self.log.commit(self.name, [*sent, *journal])

    def _append(self, order_id: str, versions: Versions) -> None:
        if not versions:
            return
        self.journal.setdefault(order_id, []).extend(versions)
        before, after = self.orders.get(order_id), versions[-1][1]
        self.orders[order_id] = after
        reason = rules.waiting_for(after)
        if reason is None:
            self.due.pop(order_id, None)
        elif before is None or before.since != after.since:
            self.due[order_id] = self.clock + self.allowances[reason]

    def ask(self, order_ids: Sequence[str]) -> None:
        """The scan: deadlines are asked about through the log, those of rows that nobody holds."""
        free = [o for o in order_ids if o not in self.locked]
        self.due |= dict.fromkeys(free, self.clock + ASK_AGAIN_TICKS)
        self.log.commit(self.name, [_said(o, events.DeadlinePassed(self.orders[o].since)) for o in free])

    def overdue(self) -> list[str]:
        """Orders whose wait used up its allowance by the clock."""
        return [order_id for order_id, tick in self.due.items() if tick <= self.clock]

    def fire(self, order_ids: Sequence[str]) -> None:
        """The control: deadlines that end an order directly instead of by an event."""
        for order_id in order_ids:
            order = self.orders[order_id]
            facts = rules.decide(order, events.DeadlinePassed(order.since))
            self._save({order_id: rules.advance(order, facts)}, [_said(order_id, fact) for fact in facts])

    # -- people --------------------------------------------------------------------------------------------------

    def place(self, key: str, order_id: str, wish: rules.Place) -> str:
        """-> the id of the key's order, new or not; Refused when the key stands for another wish."""
        known = self.placements.get(key) if self.rules.one_order_a_key else None
        if known is None:
            self.placements[key] = (order_id, wish)
            self.finish(self.request(order_id, wish))
            return order_id
        if known[1] != wish:
            raise rules.Refused(rules.Code.IDEMPOTENCY_KEY_REUSED, "another wish")
        return known[0]

    def request(self, order_id: str, command: rules.Command) -> Request:
        """Read and decide. Raises Refused."""
        order = self.orders.get(order_id, rules.Order(order_id))
        return Request(command, order, rules.decide(order, command))

    def finish(self, request: Request) -> bool:
        """Write; False when the order has moved on: read and decide again."""
        order_id = request.order.id
        now = self.orders.get(order_id, rules.Order(order_id))
        minds = self.rules.newest_version and self.rules.decide_again
        if order_id in self.locked or (now.version != request.order.version and minds):
            return False
        # The controls: what came meanwhile is written over, or the old decision is folded on top of it.
        made = self._advance(now if self.rules.newest_version else request.order, request.facts)
        self._save({order_id: made}, [_said(order_id, fact) for fact in request.facts])
        return True

    def count(self, restaurant_id: str, item_id: str, quantity: int) -> None:
        """A kitchen counts a dish."""
        fact = events.StockSet(item_id, quantity)
        self.log.commit(self.name, [Said(RESTAURANTS, restaurant_id, events.TYPES[type(fact)], fact)])

    def shift(self, courier_id: str, *, on: bool) -> None:
        """A courier starts or ends the shift."""
        fact = events.ShiftStarted() if on else events.ShiftEnded()
        self.log.commit(self.name, [Said(COURIERS, courier_id, events.TYPES[type(fact)], fact)])


def _last(reads: Sequence[Read]) -> Sequence[Read]:
    """The control: one event an order, the last."""
    return list({read.key: read for read in reads}.values())


def _said(order_id: str, fact: events.Fact) -> Said:
    return Said(ORDERS, order_id, events.TYPES[type(fact)], fact)
