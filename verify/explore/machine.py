"""The same world with hypothesis at the dice: it chooses the moves, and shrinks a failure to a story one can read.

`Explorer` is healed and judged at the end of each story. A step that is not possible at its moment does nothing.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import ClassVar, TypeVar

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from api import domain as api_rules
from explore.judge import judge
from explore.log import Rules
from explore.service import Service
from explore.sweep import KEPT, Sweep, ending
from explore.walk import KINDS, Walk
from explore.world import CARDS, COURIERS, DISHES, KITCHENS, ORDERS, World

SERVICES = ("api", "payment", "delivery", "restaurant")
One = TypeVar("One")

# Stories are long by design, and a seed tells the same ones again: no deadline, no database of old failures.
PROFILE = settings(
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.generate, Phase.shrink),
    stateful_step_count=60,
    report_multiple_bugs=False,
)

services = st.sampled_from(SERVICES)
orders = st.integers(0, ORDERS - 1)
couriers = st.sampled_from(COURIERS)
few = st.integers(1, 5)
any_of_them = st.integers(0, 3)


def pick(choices: Sequence[One], number: int) -> One | None:
    """One of them, none of none."""
    return choices[number % len(choices)] if choices else None


class Explorer(RuleBasedStateMachine):
    """One story. What is counted over all stories goes into `told`; a control `keeps` other rules."""

    told: ClassVar[Sweep]
    keeps: ClassVar[Rules] = KEPT

    def __init__(self) -> None:
        super().__init__()
        self.world = World(self.keeps)
        self.steps = 0

    def service(self, name: str) -> Service:
        self.steps += 1
        return next(service for service in self.world.services if service.name == name)

    def ask(self, number: int, wish: Callable[[api_rules.Order], api_rules.Command]) -> None:
        self.steps += 1
        if order := pick(list(self.world.api.orders.values()), number):
            self.world.ask(order.id, wish(order))

    # -- people --------------------------------------------------------------------------------------------------

    @rule(number=orders)
    def place(self, number: int) -> None:
        self.steps += 1
        self.world.place(number)

    @rule(order=orders)
    def cancel(self, order: int) -> None:
        self.ask(order, lambda it: api_rules.Cancel(it.customer_id))

    @rule(order=orders, card=st.sampled_from(CARDS))
    def try_another_card(self, order: int, card: str) -> None:
        self.ask(order, lambda it: api_rules.RetryPayment(it.customer_id, card))

    @rule(order=orders, dish=st.sampled_from(DISHES))
    def report_out_of_stock(self, order: int, dish: str) -> None:
        self.ask(order, lambda it: api_rules.ReportOutOfStock(it.restaurant_id, (dish,)))

    @rule(order=orders)
    def mark_ready(self, order: int) -> None:
        self.ask(order, lambda it: api_rules.MarkReady(it.restaurant_id))

    @rule(order=orders)
    def pick_up(self, order: int) -> None:
        self.ask(order, lambda it: api_rules.PickUp(it.courier_id or COURIERS[0]))

    @rule(order=orders)
    def deliver(self, order: int) -> None:
        self.ask(order, lambda it: api_rules.Deliver(it.courier_id or COURIERS[0]))

    @precondition(lambda self: self.world.requests)
    @rule(number=any_of_them)
    def write_what_was_asked(self, number: int) -> None:
        self.steps += 1
        self.world.write(self.world.requests[number % len(self.world.requests)])

    @rule(courier=couriers, on=st.booleans())
    def shift(self, courier: str, on: bool) -> None:
        self.steps += 1
        self.world.api.shift(courier, on=on)

    @rule(kitchen=st.sampled_from(list(KITCHENS)), dish=st.sampled_from(DISHES), quantity=st.integers(0, 3))
    def count_stock(self, kitchen: str, dish: str, quantity: int) -> None:
        self.steps += 1
        self.world.api.count(kitchen, dish, quantity)

    # -- the log and its readers ---------------------------------------------------------------------------------

    @precondition(lambda self: self.world.log.lags)
    @rule(rows=few)
    def capture(self, rows: int) -> None:
        self.steps += 1
        for _ in range(rows):
            if self.world.log.lags:
                self.world.log.capture()

    @rule(rows=few)
    def publish_again(self, rows: int) -> None:
        self.steps += 1
        self.world.log.repeat(rows)

    @rule(rounds=few, bank_says_yes=st.booleans())
    def all_goes_on(self, rounds: int, bank_says_yes: bool) -> None:
        for _ in range(rounds):
            self.steps += self.world.go_on(yes=bank_says_yes)

    @rule(name=services, limit=few, number=any_of_them)
    def read(self, name: str, limit: int, number: int) -> None:
        service = self.service(name)
        if service.open is None and (topic := pick(service.behind(), number)):
            service.begin(topic, limit)

    @rule(name=services)
    def commit(self, name: str) -> None:
        if (service := self.service(name)).open:
            service.commit()

    @rule(name=services)
    def die_before_the_commit(self, name: str) -> None:
        self.service(name).abort()

    # -- what cannot be read -------------------------------------------------------------------------------------

    @rule(name=services, number=any_of_them)
    def misread(self, name: str, number: int) -> None:
        service = self.service(name)
        if topic := pick(service.behind(), number):
            self.world.misread(service, topic)

    @rule(name=services)
    def mend(self, name: str) -> None:
        self.world.mend(self.service(name))

    @rule(order=orders, kind=st.sampled_from(KINDS))
    def spoil(self, order: int, kind: str) -> None:
        self.steps += 1
        if key := pick(sorted(self.world.api.orders), order):
            self.world.log.spoil(key, kind)

    @rule(name=services, number=any_of_them, look=st.booleans())
    def decide_about_a_parked_event(self, name: str, number: int, look: bool) -> None:
        service = self.service(name)
        if key := pick(service.heads(), number):
            (self.world.discard if look else self.world.release)(service, key)

    @rule(name=services, number=any_of_them)
    def drain(self, name: str, number: int) -> None:
        service = self.service(name)
        if service.open is None and (key := pick(service.drainable(), number)):
            service.drain(key)

    # -- the bank, and time --------------------------------------------------------------------------------------

    @precondition(lambda self: self.world.payment.flights)
    @rule(number=any_of_them, yes=st.booleans())
    def bank_answers(self, number: int, yes: bool) -> None:
        self.steps += 1
        if flight := pick([one for one in self.world.payment.flights if one.said is None], number):
            self.world.answer(flight, yes=yes)

    @precondition(lambda self: self.world.payment.flights)
    @rule(number=any_of_them)
    def answer_arrives(self, number: int) -> None:
        self.steps += 1
        payment = self.world.payment
        if flight := pick([f for f in payment.flights if f.said and f.order_id not in payment.locked], number):
            payment.settle(flight)

    @precondition(lambda self: self.world.payment.flights)
    @rule(number=any_of_them)
    def answer_is_lost(self, number: int) -> None:
        self.steps += 1
        self.world.lose(self.world.payment.flights[number % len(self.world.payment.flights)])

    @rule(number=any_of_them)
    def lease_runs_out(self, number: int) -> None:
        self.steps += 1
        if order_id := pick(self.world.payment.due(), number):
            self.world.payment.take(order_id)

    @rule()
    def search_couriers(self) -> None:
        self.steps += 1
        if self.world.delivery.searching():
            self.world.delivery.search()

    @rule(number=any_of_them)
    def dish_is_ready(self, number: int) -> None:
        self.steps += 1
        if order_id := pick(self.world.restaurant.cooking(), number):
            self.world.restaurant.finish([order_id])

    @rule(number=any_of_them)
    def time_is_over(self, number: int) -> None:
        self.steps += 1
        if order_id := pick(sorted(self.world.api.due), number):
            self.world.api.ask([order_id])

    def teardown(self) -> None:
        """All is healed, and every order comes to its end."""
        walk = Walk(self.world, random.Random(0))
        found = {*walk.heal(), *judge(self.world)}
        self.told.runs += 1
        self.told.steps += self.steps + walk.steps
        self.told.endings.update(ending(order) for order in self.world.api.orders.values())
        assert not found, "; ".join(sorted(found))


def tell(told: Sweep, number: int, stories: int, rules: Rules = KEPT) -> None:
    """Let hypothesis tell about so many stories by this seed, and count them in `told`.

    Raises AssertionError, or what a rule raised; the shortest such story is in its notes.
    """
    machine = seed(number)(type("Explorer", (Explorer,), {"told": told, "keeps": rules}))
    run_state_machine_as_test(machine, settings=settings(PROFILE, max_examples=stories))
