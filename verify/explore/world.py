"""The explorer: all services' real rules over one partition, in random interleavings, with faults; then all is healed.

Each step takes one move out of all that are possible now. While faults last: services lag and are killed between a
batch's read and its commit, commits of others fall between the two, CDC repeats or stands, provider answers are lost
or come under an old lease, people cancel, couriers end shifts, deadlines are asked about at any moment. Then nothing
fails any more, and every order must reach its end: see judge.py.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from api import domain as api_rules
from api.events import MenuItem
from delivery.domain import Courier
from explore.floor import Delivery, Restaurant
from explore.log import Log, Rules, Service
from explore.money import Flight, Payment
from explore.orders import Api, Request

KITCHENS: dict[str, int | None] = {"timed": 3, "prompt": 0, "manual": None}
PORTIONS = 2  # of the one dish in each kitchen
COURIERS = ("c1", "c2")
ORDERS = 5
HEALING = 4000  # moves; more means that something goes round for ever

Move = Callable[[], object]


@dataclass
class World:
    """One run. `dice` makes every choice: a seed is a run."""

    dice: random.Random
    rules: Rules = Rules()  # noqa: RUF009 - frozen
    log: Log = field(default_factory=Log)

    def __post_init__(self) -> None:
        self.api = Api(self.log, self.rules)
        self.payment = Payment(self.log, self.rules)
        self.delivery = Delivery(self.log, self.rules)
        self.restaurant = Restaurant(self.log, self.rules)
        self.services: tuple[Service, ...] = (self.api, self.payment, self.delivery, self.restaurant)
        self.delivery.couriers = {c: Courier(c, on_shift=True) for c in COURIERS}
        self.restaurant.kitchens = dict(KITCHENS)
        self.restaurant.stock = {(kitchen, "dish"): PORTIONS for kitchen in KITCHENS}
        self.requests: list[Request] = []
        self.healing = False
        self.standing = 0
        """Moves for which the log still stands."""

    def often(self, chance: float) -> bool:
        """A fault or whim, never while healing."""
        return not self.healing and self.dice.random() < chance

    def run(self, moves: int) -> None:
        """Faults for so many moves, then healing until nothing is left to do. Raises whatever a rule raises."""
        for _ in range(moves):
            self.standing = max(0, self.standing - 1)
            if possible := list(self.moves()):
                self.dice.choice(possible)()
        self.healing, self.standing = True, 0
        for _ in range(HEALING):
            possible = list(self.moves())
            if possible:
                self.dice.choice(possible)()
            elif waiting := sorted(self.api.due):
                self.api.ask(waiting[:1])  # nothing else will happen: its time passes
            else:
                return
        raise AssertionError("the world does not come to rest")

    # -- what can happen now -------------------------------------------------------------------------------------

    def moves(self) -> Iterator[Move]:
        """Every possible move; what is yielded twice is twice as likely."""
        yield from self._log_moves()
        for service in self.services:
            yield from self._service_moves(service)
        yield from self._money_moves()
        yield from self._timer_moves()
        for order in list(self.api.orders.values()):
            yield from self._people_moves(order)
        for request in self.requests:
            yield lambda request=request: self._finish(request)  # type: ignore[misc]
        if not self.healing:
            yield from self._whims()

    def _log_moves(self) -> Iterator[Move]:
        if self.log.lags and not self.standing:
            yield from [self.log.capture] * 3
        if self.often(0.05):
            yield lambda: self.log.repeat(self.dice.randrange(1, 20))
        if self.often(0.01):
            yield self._stand

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

    def _money_moves(self) -> Iterator[Move]:
        flying = {flight.order_id for flight in self.payment.flights}
        for order_id in self.payment.due():
            if order_id not in flying or self.often(0.1):
                yield lambda order_id=order_id: self.payment.take(order_id)  # type: ignore[misc]
        for flight in self.payment.flights:
            if flight.said is None:
                yield lambda flight=flight: self._ask(flight)  # type: ignore[misc]
            elif flight.order_id not in self.payment.locked:
                yield lambda flight=flight: self.payment.settle(flight)  # type: ignore[misc]
            if self.often(0.05):
                yield lambda flight=flight: self.payment.flights.remove(flight)  # type: ignore[misc]

    def _ask(self, flight: Flight) -> None:
        self.payment.perform(flight, yes=self.healing or self.dice.random() < 0.8)

    def _timer_moves(self) -> Iterator[Move]:
        if self.delivery.searching():
            yield self.delivery.search
        for order_id in self.restaurant.cooking():
            yield lambda order_id=order_id: self.restaurant.finish([order_id])  # type: ignore[misc]
        for order_id in self.api.due:
            if self.often(0.02):
                yield lambda order_id=order_id: self.api.ask([order_id])  # type: ignore[misc]

    def _people_moves(self, order: api_rules.Order) -> Iterator[Move]:
        """What people do with what they see; in any order, and sometimes what they may not."""
        courier = order.courier_id or "c1"
        manual = order.restaurant_id == "manual"
        if (order.status is api_rules.Status.ACCEPTED and manual) or self.often(0.01):
            yield lambda: self._begin(order.id, api_rules.MarkReady(order.restaurant_id))
        if order.status is api_rules.Status.READY or self.often(0.01):
            yield lambda: self._begin(order.id, api_rules.PickUp(courier))
        if order.status is api_rules.Status.PICKED_UP or self.often(0.01):
            yield lambda: self._begin(order.id, api_rules.Deliver(courier))
        if self.often(0.03):
            yield lambda: self._begin(order.id, api_rules.Cancel(order.customer_id))

    def _begin(self, order_id: str, command: api_rules.Command) -> None:
        try:
            request = self.api.request(order_id, command)
        except api_rules.Refused:
            return
        self.requests.append(request)

    def _finish(self, request: Request) -> None:
        self.requests.remove(request)
        if not self.api.finish(request):
            self._begin(request.order_id, request.command)

    def _whims(self) -> Iterator[Move]:
        if len(self.api.orders) < ORDERS:
            yield self._place
        if self.often(0.1):
            courier_id = self.dice.choice(COURIERS)
            on = self.dice.random() < 0.6
            yield lambda: self.api.shift(courier_id, on=on)

    def _place(self) -> None:
        """A customer places, and places again when no answer came: the key keeps it one order."""
        number = self.dice.randrange(ORDERS)
        kitchen = list(KITCHENS)[number % len(KITCHENS)]
        menu = (MenuItem("dish", "Dish", 500),)
        restaurant = api_rules.Restaurant(kitchen, kitchen, "EUR", menu)
        lines = (api_rules.Line("dish", 1 + number // 3),)
        wish = api_rules.Place("customer", restaurant, lines, "pm_card_visa")
        self.api.place(f"key-{number}", f"order-{len(self.api.orders)}", wish)

    @property
    def held(self) -> dict[tuple[str, str], int]:
        """What tickets hold of the stock."""
        total: dict[tuple[str, str], int] = {}
        for ticket in self.restaurant.tickets.values():
            for line in ticket.lines if ticket.held else ():
                place = (ticket.restaurant_id, line.item_id)
                total[place] = total.get(place, 0) + line.quantity
        return total
