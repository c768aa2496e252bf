"""Orders on a whole system: what people do, and what the customer is pushed meanwhile."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any
from uuid import uuid4

import psycopg

from demae_client import Client, DemaeError, Order, UserError, UserErrors
from ground.stack import Stack

DECLINED, FUNDLESS, VISA = "pm_card_chargeDeclined", "pm_card_chargeDeclinedInsufficientFunds", "pm_card_visa"
SECONDS = 60.0  # no journey may take longer

Stock = Mapping[tuple[str, str], int]
"""(restaurant, item) → how many are there."""


@dataclass
class Journey:
    """One order and its people. `versions` are those that its customer was pushed; `told`, why somebody was refused."""

    stack: Stack
    order_id: str = ""
    versions: list[Order] = field(default_factory=list)
    told: list[UserError] = field(default_factory=list)
    _moved: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def __aenter__(self) -> "Journey":
        self.customer = self.speak_as(f"customer-{uuid4()}", "customer")
        self._watching: asyncio.Task[None] | None = None
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        await self.customer.close()

    def speak_as(self, subject: str, role: str) -> Client:
        """A client of somebody who takes part."""
        return Client(f"{self.stack.url}/graphql", self.stack.token(subject, role))

    async def place(self, restaurant: str, item: str, card: str = VISA) -> None:
        """The customer orders one of an item, and watches from now on."""
        self.order_id = (await self.customer.place_order(restaurant, {item: 1}, card))["id"]
        self._watching = asyncio.create_task(self._watch())

    async def until(self, condition: Callable[[Order], bool]) -> Order:
        """The first version pushed for which it holds."""
        async with self._moved:
            while not (found := next(filter(condition, self.versions), None)):
                if self._watching is None or self._watching.done():
                    raise AssertionError("it ended before")
                await self._moved.wait()
        return found

    async def end(self) -> Order:
        """The last version: the stream is over, the order settled."""
        assert self._watching is not None
        await self._watching
        return self.versions[-1]

    async def refused(self, attempt: Awaitable[object]) -> None:
        """The rules say no; their words are kept."""
        try:
            await attempt
        except UserErrors as refusal:
            self.told += refusal.errors
        else:
            raise AssertionError("it was not refused")

    async def kitchen(self, action: Callable[[Client], Awaitable[object]]) -> None:
        """The order's restaurant does something."""
        async with self.speak_as(self.versions[-1]["restaurantId"], "restaurant") as client:
            await action(client)

    async def courier(self, *actions: Callable[[Client, str], Awaitable[object]], who: str | None = None) -> None:
        """The courier of the last version, or `who`, does these things to the order, one after the other."""
        async with self.speak_as(who or self.versions[-1]["courierId"] or "nobody", "courier") as client:
            for action in actions:
                await action(client, self.order_id)

    async def carried(self) -> None:
        """What is ready is picked up and delivered."""
        await self.until(at("READY"))
        await self.courier(Client.pick_up, Client.deliver)

    async def _watch(self) -> None:
        try:
            async for order in self.customer.watch(self.order_id):
                async with self._moved:
                    self.versions.append(order)
                    self._moved.notify_all()
        finally:
            async with self._moved:
                self._moved.notify_all()


def at(status: str) -> Callable[[Order], bool]:
    """The order's status is this one."""
    return lambda order: order["status"] == status


def declined(attempt: int = 1) -> Callable[[Order], bool]:
    """The card of this attempt was declined."""
    return lambda order: (order["payment"]["status"], order["payment"]["attempt"]) == ("FAILED", attempt)


Play = Callable[[Journey], Awaitable[None]]


@dataclass(frozen=True)
class Played:
    """`fault`: why the journey could not be played to its end."""

    journey: Journey
    fault: str

    @property
    def last(self) -> Order:
        """The order as it ended."""
        assert not self.fault, self.fault
        return self.journey.versions[-1]


class Playing:
    """A journey that goes on beside others."""

    def __init__(self, stack: Stack, one: Play) -> None:
        self._stack, self._play = stack, one
        self.stands = asyncio.Event()
        """Set when its people have done what they do: it goes to its end by itself."""
        self.end = asyncio.create_task(self._run())

    async def _run(self) -> Played:
        async with Journey(self._stack) as journey:
            try:
                async with asyncio.timeout(SECONDS):
                    await self._play(journey)
                    self.stands.set()
                    await journey.end()
            except (AssertionError, TimeoutError, DemaeError) as fault:
                return Played(journey, f"{fault!r}; pushed: {[_brief(one) for one in journey.versions]}")
            finally:
                self.stands.set()
        return Played(journey, "")


async def play(stack: Stack, plays: Mapping[str, Play]) -> dict[str, Played]:
    """All at once, each to its end."""
    return await ended({name: Playing(stack, one) for name, one in plays.items()})


async def ended(playing: Mapping[str, Playing]) -> dict[str, Played]:
    """What became of each."""
    return {name: await one.end for name, one in playing.items()}


def _brief(order: Order) -> str:
    return f"{order['version']} {order['status']} {order['payment']['status']}"


async def shift(stack: Stack, couriers: Sequence[str], *, on: bool) -> None:
    """Begins or ends the shifts of these couriers."""
    for name in couriers:
        async with Client(f"{stack.url}/graphql", stack.token(name, "courier")) as client:
            await (client.start_shift() if on else client.end_shift())


def ask(stack: Stack, query: str, *values: object) -> list[tuple[Any, ...]]:
    """What the tables say, to the role that reads all of them."""
    with psycopg.connect(stack.database_url("verify")) as db:
        return db.execute(query.encode(), values).fetchall()


def stock(stack: Stack) -> Stock:
    """What is in the kitchens."""
    rows = ask(stack, "SELECT restaurant_id, item_id, quantity FROM restaurant.stock")
    return {(restaurant, item): quantity for restaurant, item, quantity in rows}


async def eventually(condition: Callable[[], object], what: str, seconds: float = 20.0) -> None:
    """Polls beside the other journeys."""
    end = time.monotonic() + seconds
    while not await asyncio.to_thread(condition):
        assert time.monotonic() < end, f"{what} did not come true within {seconds} s"
        await asyncio.sleep(0.05)
