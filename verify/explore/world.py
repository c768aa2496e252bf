"""The explorer's world: all services' real rules over one log, and everything that can happen to them.

Each method is one move. Who chooses the moves is not this module's business: see walk.py (dice) and machine.py
(hypothesis).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from api import domain as api_rules
from api.events import MenuItem
from delivery.domain import Courier
from explore.floor import Delivery, Restaurant
from explore.log import Log, Rules
from explore.money import Flight, Payment
from explore.orders import Api, Request
from explore.service import Key, Service

KITCHENS: dict[str, int | None] = {"timed": 3, "prompt": 0, "manual": None}
DISHES = ("dish", "side")
PORTIONS = 2  # of each dish in each kitchen
COURIERS = ("c1", "c2", "c3")
ORDERS = 5
CARDS = ("pm_card_visa", "pm_card_other")


@dataclass
class World:
    """One run."""

    rules: Rules = Rules()  # noqa: RUF009 - frozen
    log: Log = field(init=False)
    requests: list[Request] = field(default_factory=list)
    """Mutations between their read and their write."""

    def __post_init__(self) -> None:
        self.log = Log(self.rules)
        self.api = Api(self.log, self.rules)
        self.payment = Payment(self.log, self.rules)
        self.delivery = Delivery(self.log, self.rules)
        self.restaurant = Restaurant(self.log, self.rules)
        self.services: tuple[Service, ...] = (self.api, self.payment, self.delivery, self.restaurant)
        self.delivery.couriers = {c: Courier(c, on_shift=True) for c in COURIERS}
        self.restaurant.kitchens = dict(KITCHENS)
        self.restaurant.stock = {(kitchen, dish): PORTIONS for kitchen in KITCHENS for dish in DISHES}

    # -- people --------------------------------------------------------------------------------------------------

    def place(self, number: int) -> None:
        """Customer `number` places, and places again when no answer came: the key keeps it one order."""
        kitchen = list(KITCHENS)[number % len(KITCHENS)]
        menu = tuple(MenuItem(dish, dish, 500) for dish in DISHES)
        restaurant = api_rules.Restaurant(kitchen, kitchen, "EUR", menu)
        sides = (api_rules.Line("side", 1),) if number % 2 else ()
        lines = (api_rules.Line("dish", 1 + number // 3), *sides)
        wish = api_rules.Place("customer", restaurant, lines, CARDS[0])
        self.api.place(f"key-{number}", f"order-{len(self.api.orders)}", wish)

    def ask(self, order_id: str, command: api_rules.Command) -> None:
        """Somebody's mutation is read and decided; whether it holds is seen when it is written."""
        try:
            self.requests.append(self.api.request(order_id, command))
        except api_rules.Refused:
            return

    def write(self, request: Request) -> None:
        """The mutation's one statement; who was overtaken decides again."""
        self.requests.remove(request)
        if not self.api.finish(request):
            self.ask(request.order.id, request.command)

    def on_shift(self, courier_id: str) -> bool:
        """What the courier knows: the last word that was said, whoever has read it."""
        words = (one.said.type for one in reversed(self.log.wal) if one.said.key == courier_id)
        return next(words, "shift_started") == "shift_started"

    # -- the bank ------------------------------------------------------------------------------------------------

    def answer(self, flight: Flight, *, yes: bool) -> None:
        """A call arrives at the bank."""
        self.payment.perform(flight, yes=yes)

    def lose(self, flight: Flight) -> None:
        """Nobody hears of this call any more, performed or not."""
        self.payment.flights.remove(flight)

    # -- all at once ---------------------------------------------------------------------------------------------

    def go_on(self, *, yes: bool) -> int:
        """The log, the services, the bank and the timers do what they have to do; -> in how many moves."""
        moves = 0
        while self.log.lags:
            self.log.capture()
            moves += 1
        for service in self.services:
            for topic in [] if service.open else service.behind():
                service.consume(topic)
                moves += 1
        for flight in [one for one in self.payment.flights if one.order_id not in self.payment.locked]:
            if flight.said is None:
                self.answer(flight, yes=yes)
            self.payment.settle(flight)
            moves += 1
        if self.delivery.searching():
            self.delivery.search()
        self.restaurant.finish(self.restaurant.cooking())
        return moves + 2

    # -- trouble -------------------------------------------------------------------------------------------------

    def misread(self, service: Service, topic: str) -> None:
        """The next record is one that this service cannot read until it is mended."""
        service.unreadable.add(self.log.topics[topic][service.positions[topic]].id)

    def release(self, service: Service, key: Key) -> None:
        """A person releases a head, hoping that it can be read now."""
        service.judge(key, "released")

    def discard(self, service: Service, key: Key) -> None:
        """A person looks at a head, and discards it when it is garbage. A fact is never discarded."""
        service.judge(key, "discarded" if service.parked[key][0].record.garbage else "released")

    def mend(self, service: Service) -> None:
        """A new version of the service reads what the one before did not."""
        service.unreadable.clear()
