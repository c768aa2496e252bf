"""A random walk through the world: one move out of all that are possible now, again and again; then all is healed.

While faults last: services lag and are killed between a batch's read and its commit, commits of others fall between the
two, CDC repeats or stands, events cannot be read for a while, provider answers are lost or come under an old lease,
people change their minds, couriers end shifts, deadlines are asked about at any moment. Then nothing fails any more;
but some people still forget what they should do, and time passes whenever nothing else can happen.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from api import domain as api_rules
from explore import judge
from explore.money import Flight
from explore.service import Service
from explore.world import CARDS, COURIERS, DISHES, KITCHENS, ORDERS, World

HEALING = 4000  # moves; more means that something goes round for ever
KINDS = ("order_created", "order_cancelled", "payment_completed", "delivery_assigned")
"""Types that garbage pretends to be."""
BEFORE_PICK_UP = (api_rules.Status.COURIER_ASSIGNED, api_rules.Status.ACCEPTED, api_rules.Status.READY)

Move = Callable[[], object]


@dataclass
class Walk:
    """`dice` makes every choice: a seed is a walk."""

    world: World
    dice: random.Random
    healing: bool = False
    standing: int = 0
    """Moves for which the log still stands."""
    steps: int = 0
    forgotten: dict[tuple[str, type], bool] = field(default_factory=dict)
    """(order, command) → somebody never does it."""

    def run(self, moves: int) -> None:
        """Faults for so many moves. Raises whatever a rule raises."""
        for _ in range(moves):
            self.standing = max(0, self.standing - 1)
            if possible := list(self.moves()):
                self._do(possible)

    def heal(self) -> list[str]:
        """Until nothing is left to do; -> what was wrong at moments when nothing moved."""
        self.healing, self.standing = True, 0
        found: list[str] = []
        for service in self.world.services:
            self.world.mend(service)
        for _ in range(HEALING):
            if possible := list(self.moves()):
                self._do(possible)
                continue
            found += judge.at_quiet(self.world)
            if not (waiting := sorted(self.world.api.due)):
                return found
            self._do([lambda: self.world.api.ask(waiting[:1])])  # nothing else will happen: its time passes
        raise AssertionError("the world does not come to rest")

    def _do(self, possible: list[Move]) -> None:
        self.steps += 1
        self.dice.choice(possible)()

    def often(self, chance: float) -> bool:
        """A fault or whim, never while healing."""
        return not self.healing and self.dice.random() < chance

    # -- what can happen now -------------------------------------------------------------------------------------

    def moves(self) -> Iterator[Move]:
        """Every possible move; what is yielded twice is twice as likely."""
        yield from self._log_moves()
        for service in self.world.services:
            yield from self._service_moves(service)
            yield from self._parked_moves(service)
        yield from self._money_moves()
        yield from self._timer_moves()
        for order in list(self.world.api.orders.values()):
            yield from self._people_moves(order)
        for request in self.world.requests:
            yield lambda request=request: self.world.write(request)  # type: ignore[misc]
        if not self.healing:
            yield from self._whims()

    def _log_moves(self) -> Iterator[Move]:
        log = self.world.log
        if log.lags and not self.standing:
            yield from [log.capture] * 3
        if self.often(0.05):
            yield lambda: log.repeat(self.dice.randrange(1, 20))
        if self.often(0.01):
            yield self._stand
        if self.world.api.orders and self.often(0.01):
            key, kind = self.dice.choice(sorted(self.world.api.orders)), self.dice.choice(KINDS)
            yield lambda: log.spoil(key, kind)

    def _stand(self) -> None:
        self.standing = self.dice.randrange(5, 40)

    def _service_moves(self, service: Service) -> Iterator[Move]:
        if service.open is not None:
            yield from [service.commit] * 2
            if self.often(0.1):
                yield service.abort
            return
        for topic in service.behind():
            limit = self.dice.choice((1, 1, 2, 5))
            yield lambda topic=topic, limit=limit: service.begin(topic, limit)  # type: ignore[misc]
            if self.often(0.2):
                yield lambda topic=topic: self.world.misread(service, topic)  # type: ignore[misc]
        for key in service.drainable():
            yield lambda key=key: service.drain(key)  # type: ignore[misc]

    def _parked_moves(self, service: Service) -> Iterator[Move]:
        for key in service.heads():
            if self.healing or self.often(0.2):
                yield lambda key=key: self.world.discard(service, key)  # type: ignore[misc]
            if self.often(0.5):
                yield lambda key=key: self.world.release(service, key)  # type: ignore[misc]
        if service.unreadable and self.often(0.2):
            yield lambda: self.world.mend(service)

    def _money_moves(self) -> Iterator[Move]:
        payment = self.world.payment
        flying = {flight.order_id for flight in payment.flights}
        for order_id in payment.due():
            if order_id not in flying or self.often(0.1):
                yield lambda order_id=order_id: payment.take(order_id)  # type: ignore[misc]
        for flight in payment.flights:
            if flight.said is None:
                yield lambda flight=flight: self._answer(flight)  # type: ignore[misc]
            elif flight.order_id not in payment.locked:
                yield lambda flight=flight: payment.settle(flight)  # type: ignore[misc]
            if self.often(0.05):
                yield lambda flight=flight: self.world.lose(flight)  # type: ignore[misc]

    def _answer(self, flight: Flight) -> None:
        self.world.answer(flight, yes=self.healing or self.dice.random() < 0.8)

    def _timer_moves(self) -> Iterator[Move]:
        if self.world.delivery.searching():
            yield self.world.delivery.search
        for order_id in self.world.restaurant.cooking():
            yield lambda order_id=order_id: self.world.restaurant.finish([order_id])  # type: ignore[misc]
        for order_id in self.world.api.due:
            if self.often(0.01):
                yield lambda order_id=order_id: self.world.api.ask([order_id])  # type: ignore[misc]

    def _people_moves(self, order: api_rules.Order) -> Iterator[Move]:
        """What people do with what they see; while faults last also what they may not."""
        for command, chance in self._wishes(order):
            if self.often(chance) or (self._due(order, command) and not self._forgets(order, command)):
                yield lambda command=command: self.world.ask(order.id, command)  # type: ignore[misc]
        if order.courier_id and order.status in BEFORE_PICK_UP and self.often(0.3):
            yield lambda: self.world.api.shift(order.courier_id or "", on=False)
        if order.cancellation and order.cancellation.reason == "OUT_OF_STOCK" and self.often(0.3):
            item, n = self.dice.choice(order.items).item_id, self.dice.randrange(1, 4)
            yield lambda: self.world.api.count(order.restaurant_id, item, n)

    def _wishes(self, order: api_rules.Order) -> Iterator[tuple[api_rules.Command, float]]:
        """Each with the chance that somebody tries it now, whatever the order's status."""
        courier, item = order.courier_id or "c1", self.dice.choice(order.items).item_id
        yield api_rules.RetryPayment(order.customer_id, self.dice.choice(CARDS)), 0.01
        yield api_rules.MarkReady(order.restaurant_id), 0.01
        yield api_rules.ReportOutOfStock(order.restaurant_id, (item,)), 0.02
        yield api_rules.PickUp(courier), 0.01
        yield api_rules.Deliver(courier), 0.01
        yield api_rules.Cancel(order.customer_id), 0.02

    def _due(self, order: api_rules.Order, command: api_rules.Command) -> bool:
        """It is that person's turn. Couriers take their time, and who is off shift takes nothing, once all is well."""
        match command:
            case api_rules.RetryPayment():
                return order.payment.status is api_rules.Paid.FAILED and order.status is api_rules.Status.PLACED
            case api_rules.MarkReady():
                return order.status is api_rules.Status.ACCEPTED and order.restaurant_id == "manual"
            case api_rules.PickUp(courier_id):
                here = self.world.on_shift(courier_id) if self.healing else self.dice.random() < 0.3
                return order.status is api_rules.Status.READY and here
            case api_rules.Deliver():
                return order.status is api_rules.Status.PICKED_UP
        return False

    def _forgets(self, order: api_rules.Order, command: api_rules.Command) -> bool:
        """One in eight never does what is due; of those whose card was declined, every second."""
        chance = 0.5 if isinstance(command, api_rules.RetryPayment) else 0.12
        return self.forgotten.setdefault((order.id, type(command)), self.dice.random() < chance)

    def _whims(self) -> Iterator[Move]:
        if len(self.world.api.orders) < ORDERS:
            yield lambda: self.world.place(self.dice.randrange(ORDERS))
        if self.often(0.3):
            courier_id, on = self.dice.choice(COURIERS), self.dice.random() < 0.6
            yield lambda: self.world.api.shift(courier_id, on=on)
        if self.often(0.05):
            kitchen, dish, n = self.dice.choice(list(KITCHENS)), self.dice.choice(DISHES), self.dice.randrange(4)
            yield lambda: self.world.api.count(kitchen, dish, n)
