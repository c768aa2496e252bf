"""The explorer on a clock: does a deadline fire because the log stood still (I15)?

The same rules, now with time: services act in one step, the provider takes a second, people act some seconds after they
*saw* a version (the journal came out of the log). The log stands, or the projector does, for longer than every
allowance, while orders go on being placed and couriers are few. The judge compares with the same run without the stop:
an order that ended well there must end well here.

The log's clock is the keeper's own rule. Three controls replace it: each must cancel orders that were healthy.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum

from api import domain as api_rules
from api.events import MenuItem, Reason
from delivery.domain import Courier
from explore.floor import Delivery, Restaurant
from explore.log import JOURNAL, ORDERS, TICKS, Log, Rules, Said
from explore.money import Payment
from explore.orders import Api
from keeper import domain as keeper_rules
from keeper import events as keeper_events

STEP = 0.25  # seconds
PROVIDER_SECONDS = 1.0
PEOPLE_SECONDS = 4.0
ALLOWANCE = 60  # ticks, for every wait
KITCHENS: dict[str, int | None] = {"timed": 2, "prompt": 0, "manual": None}


class Deadlines(Enum):
    """How time is told, and what happens when it is over."""

    CLOSED_LOOP = "tick k+1 is written after tick k came back; the deadline is an event"
    OPEN_LOOP = "a tick each second, whatever came back"
    WALL_CLOCK = "the database's clock instead of the log's"
    LEAPING = "the closed loop, but ticks read at once after the reader's own stop all count"
    DIRECT = "the closed loop, but the scan ends the order by itself"


# (clock, new tick) -> clock, where it is not the rule.
COUNTING: dict[Deadlines, Callable[[int, int], int]] = {
    Deadlines.LEAPING: lambda _clock, k: k,
    Deadlines.OPEN_LOOP: lambda _clock, k: k,
    Deadlines.WALL_CLOCK: lambda clock, _k: clock,
}


@dataclass(frozen=True)
class Scene:
    """Who is there, and what stands when: (from, to) in seconds. An order each `every` seconds."""

    couriers: int = 4
    every: float = 6.0
    orders: int = 45
    log_stands: tuple[float, float] = (0, 0)
    projector_stands: tuple[float, float] = (0, 0)
    partition_stands: tuple[float, float] = (0, 0)
    """The projector gets no orders, but ticks: their partition has another owner, or another leader."""


@dataclass
class Town:
    """One run on the clock."""

    scene: Scene
    deadlines: Deadlines
    dice: random.Random
    log: Log = field(default_factory=Log)
    now: float = 0.0
    actions: list[tuple[float, Callable[[], object]]] = field(default_factory=list)
    """(when, what) of people who have seen something."""

    def __post_init__(self) -> None:
        self.api = Api(self.log, Rules())
        self.api.allowances = dict.fromkeys(Reason, ALLOWANCE)
        self.api.counts = COUNTING.get(self.deadlines, self.api.counts)
        self.payment = Payment(self.log, Rules())
        self.delivery = Delivery(self.log, Rules())
        self.restaurant = Restaurant(self.log, Rules())
        self.delivery.couriers = {f"c{n}": Courier(f"c{n}", on_shift=True) for n in range(self.scene.couriers)}
        self.restaurant.kitchens = dict(KITCHENS)
        self.restaurant.stock = {(kitchen, "dish"): 10**6 for kitchen in KITCHENS}
        self.clock = keeper_rules.Clock(written=0, seen=0, since=0.0)
        self.heard = 0
        self.seen = 0
        self.queued: set[str] = set()
        """Orders that had to wait for a courier."""

    def run(self) -> None:
        """Until every order has ended and is settled."""
        longest = self.scene.orders * self.scene.every + 3 * ALLOWANCE * len(api_rules.Status)
        while self.now < longest:
            self.now += STEP
            self._step()
            orders = self.api.orders.values()
            if len(orders) == self.scene.orders and all(map(api_rules.settled, orders)):
                return
        raise AssertionError("orders hang")

    def ended_well(self) -> set[str]:
        """Orders that were delivered."""
        return {o for o, order in self.api.orders.items() if order.status is api_rules.Status.DELIVERED}

    def _step(self) -> None:
        if len(self.api.orders) < self.scene.orders and self.now >= self.scene.every * (len(self.api.orders) + 1):
            self._place(len(self.api.orders))
        while self.log.lags and not _within(self.now, self.scene.log_stands):
            self.log.capture()
        parts = [self._keeper, self._projector, self._pay, self._deliver, self._cook, self._people]
        self.dice.shuffle(parts)
        for part in parts:
            part()

    def _place(self, number: int) -> None:
        kitchen = list(KITCHENS)[number % len(KITCHENS)]
        restaurant = api_rules.Restaurant(kitchen, kitchen, "EUR", (MenuItem("dish", "Dish", 500),))
        wish = api_rules.Place("customer", restaurant, (api_rules.Line("dish", 1),), "pm_card_visa")
        self.api.place(f"key-{number}", f"order-{number}", wish)

    # -- the log's clock -----------------------------------------------------------------------------------------

    def _keeper(self) -> None:
        for record in self.log.topics[TICKS][self.heard :]:
            self.clock = keeper_rules.heard(self.clock, record.said.data.k, self.now)
        self.heard = len(self.log.topics[TICKS])
        if self.deadlines is Deadlines.OPEN_LOOP:
            k = self.clock.written + 1 if self.now >= self.clock.written + 1 else None
        else:
            flowing = not _within(self.now, self.scene.log_stands)
            k = keeper_rules.due(self.clock, self.now, flowing)
        if k is not None:
            self.log.commit("keeper", [Said(TICKS, "clock", "tick", keeper_events.Tick(k))])
            self.clock = keeper_rules.wrote(self.clock, k, self.now)

    def _projector(self) -> None:
        if _within(self.now, self.scene.projector_stands):
            return
        if self.deadlines is Deadlines.WALL_CLOCK:
            self.api.clock = int(self.now)
        # Partitions are read at their own pace: ticks may come first, and the scan may run between.
        turns: list[Callable[[], None]] = [self._scan, *(lambda t=t: self._read(t) for t in (TICKS, ORDERS))]
        self.dice.shuffle(turns)
        for turn in turns:
            turn()

    def _read(self, topic: str) -> None:
        stands = topic == ORDERS and _within(self.now, self.scene.partition_stands)
        if topic in self.api.behind() and not stands:
            self.api.consume(topic)

    def _scan(self) -> None:
        if overdue := self.api.overdue():
            if self.deadlines is Deadlines.DIRECT:
                self.api.fire(overdue)
            else:
                self.api.ask(overdue)

    # -- the others ----------------------------------------------------------------------------------------------

    def _pay(self) -> None:
        self.payment.now = self.now
        if self.payment.behind():
            self.payment.consume(ORDERS)
        for flight in [f for f in self.payment.flights if f.since + PROVIDER_SECONDS <= self.now]:
            self.payment.perform(flight, yes=True)
            self.payment.settle(flight)

    def _deliver(self) -> None:
        for topic in self.delivery.behind():
            self.delivery.consume(topic)
        self.queued |= {o for o, job in self.delivery.jobs.items() if job.state == "SEARCHING"}
        if self.delivery.searching():
            self.delivery.search()

    def _cook(self) -> None:
        self.restaurant.now = self.now
        if self.restaurant.behind():
            self.restaurant.consume(ORDERS)
        if ready := [o for o in self.restaurant.cooking() if self.restaurant.ready_at[o] <= self.now]:
            self.restaurant.finish(ready)

    def _people(self) -> None:
        for record in self.log.topics[JOURNAL][self.seen :]:
            if command := _next(record.said.data):
                self.actions.append((self.now + PEOPLE_SECONDS, lambda r=record, c=command: self._act(r.said.key, c)))  # type: ignore[misc]
        self.seen = len(self.log.topics[JOURNAL])
        due = [action for action in self.actions if action[0] <= self.now]
        for action in due:
            self.actions.remove(action)
            action[1]()

    def _act(self, order_id: str, command: api_rules.Command) -> None:
        try:
            self.api.finish(self.api.request(order_id, command))
        except api_rules.Refused:
            return


def _next(order: api_rules.Order) -> api_rules.Command | None:
    """What somebody does who sees this version."""
    if order.status is api_rules.Status.ACCEPTED and order.restaurant_id == "manual":
        return api_rules.MarkReady(order.restaurant_id)
    if order.status is api_rules.Status.READY:
        return api_rules.PickUp(order.courier_id or "")
    if order.status is api_rules.Status.PICKED_UP:
        return api_rules.Deliver(order.courier_id or "")
    return None


def _within(now: float, span: tuple[float, float]) -> bool:
    return span[0] <= now < span[1]


def town(scene: Scene, deadlines: Deadlines, seed: int) -> Town:
    """A run, ended."""
    one = Town(scene, deadlines, random.Random(seed))
    one.run()
    return one


def healthy_orders_lost(scene: Scene, deadlines: Deadlines, seeds: Iterable[int]) -> int:
    """How many orders end well without the stop, and not with it."""
    calm = Scene(scene.couriers, scene.every, scene.orders)
    lost = 0
    for seed in seeds:
        lost += len(town(calm, deadlines, seed).ended_well() - town(scene, deadlines, seed).ended_well())
    return lost
