"""Customers, kitchens and couriers as their orders' pushes find them: each acts on what was pushed, and never looks."""

import asyncio
from collections.abc import Callable, Coroutine
from random import Random

from chaos.desk import Desk, Principal
from chaos.journeys import MANUAL, REPORTED, SCARCE, Courier, Kitchen
from chaos.operations import Shape
from chaos.stories import Story

BACK_SECONDS = (1.0, 4.0)  # until a courier who went home begins again
RESTOCK_SECONDS = 1.0
LITTLE = 8  # of a scarce dish
PLENTY = 1_000_000
EARLY = frozenset({"NOT_YET"})
EARLY_SECONDS, EARLY_TRIES = 0.3, 10

Spawn = Callable[[Coroutine[object, object, None]], None]


class Staff:
    """`told` is called with every push of every order."""

    def __init__(self, desk: Desk, seed: int, spawn: Spawn) -> None:
        self._desk = desk
        self._dice = Random(f"staff {seed}")
        self._spawn = spawn
        self._restocking: set[str] = set()
        self.striking = False
        """Nobody begins a shift."""

    def told(self, story: Story, customer: Principal, order: Shape) -> None:
        """Whatever follows from this version, each thing once."""
        status, wish = order["status"], story.wish
        if status == "PLACED" and order["payment"]["status"] == "FAILED":
            self._pay_again(story, customer, order["payment"]["attempt"])
        if wish.cancel and wish.cancel.status == status and story.first("cancel"):
            self._spawn(self.cancel(story, customer))
        if status == "ACCEPTED" and wish.restaurant == MANUAL[0] and story.first("cook"):
            self._spawn(self._cook(story))
        if status == "ACCEPTED" and wish.courier is Courier.LEAVES and story.first("leave"):
            self._spawn(self._leave(order["courierId"]))
        if status == "READY" and order["courierId"] and story.first(f"carry {order['courierId']}"):
            self._spawn(self._carry(story, order["courierId"]))
        if story.ending == "OUT_OF_STOCK" and story.first("restock"):
            self._spawn(self.restock(*self._dish(story), LITTLE if self._dish(story) == SCARCE else PLENTY))

    async def cancel(self, story: Story, customer: Principal) -> None:
        """The customer changes her mind."""
        assert story.wish.cancel is not None
        await asyncio.sleep(story.wish.cancel.seconds)
        await self._desk.act(customer, "cancelOrder", story.id)

    async def restock(self, restaurant: str, item: str, quantity: int) -> None:
        """The kitchen counts anew, once for all who wait for it."""
        if item in self._restocking:
            return
        self._restocking.add(item)
        await asyncio.sleep(RESTOCK_SECONDS)
        self._restocking.discard(item)
        await self.count(restaurant, item, quantity)

    async def count(self, restaurant: str, item: str, quantity: int) -> None:
        """The kitchen says how many there are."""
        who = self._desk.principal(restaurant, "restaurant")
        await self._desk.act(who, "setStock", None, itemId=item, quantity=quantity)

    async def begin_shift(self, name: str) -> None:
        """The courier takes orders, unless all strike."""
        if not self.striking:
            await self._desk.act(self._desk.principal(name, "courier"), "startShift")

    async def end_shift(self, name: str) -> None:
        """The courier takes no further orders."""
        await self._desk.act(self._desk.principal(name, "courier"), "endShift")

    def _pay_again(self, story: Story, customer: Principal, attempt: int) -> None:
        cards = story.wish.cards
        if attempt <= len(cards) and story.first(f"retry {attempt}"):
            self._spawn(self._retry(story, customer, cards[attempt - 1]))

    async def _retry(self, story: Story, customer: Principal, card: str) -> None:
        await self._desk.act(customer, "retryPayment", story.id, paymentMethod=card)

    async def _cook(self, story: Story) -> None:
        """A kitchen by hand."""
        if story.wish.kitchen is Kitchen.SLEEPS:
            return
        who = self._desk.principal(story.wish.restaurant, "restaurant")
        await asyncio.sleep(story.wish.kitchen_seconds)
        if story.wish.kitchen is Kitchen.REPORTS:
            await self._desk.act(who, "reportOutOfStock", story.id, items=[story.wish.item])
        else:
            await self._desk.act(who, "markOrderReady", story.id)

    async def _leave(self, name: str) -> None:
        await self.end_shift(name)
        await asyncio.sleep(self._dice.uniform(*BACK_SECONDS))
        await self.begin_shift(name)

    async def _carry(self, story: Story, name: str) -> None:
        """Pick up and deliver; whoever is refused has nothing to do here."""
        courier = self._desk.principal(name, "courier")
        if story.wish.courier is Courier.FORGETS:
            return
        await self._when_due(courier, "pickUpOrder", story)
        if story.wish.courier is not Courier.VANISHES:
            await self._when_due(courier, "deliverOrder", story)

    async def _when_due(self, courier: Principal, do: str, story: Story) -> None:
        """A push may be faster than what the API can see of its commit."""
        for _ in range(EARLY_TRIES):
            said = await self._desk.act(courier, do, story.id)
            if said.code not in EARLY:
                return
            await asyncio.sleep(EARLY_SECONDS)

    def _dish(self, story: Story) -> tuple[str, str]:
        return story.wish.restaurant, story.wish.item


SHELVES = ((*SCARCE, LITTLE), (*REPORTED, PLENTY))
"""Restaurant, dish, and how many of it there are at first."""
