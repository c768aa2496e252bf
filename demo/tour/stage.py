"""The stage: people who act, the one order of a story, and every version of it told as it is pushed."""

import asyncio
import time
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Protocol

from cli.tokens import Role
from demae_client import Client, Order

CUSTOMER = "tour-customer"
SECONDS = 40.0  # a story that takes longer has gone wrong

As = Callable[[str, Role], Client]
"""Opens a client for a principal."""


class StoryError(Exception):
    """The story cannot go on; says how far it came."""


class Teller(Protocol):
    """Whoever prints."""

    def say(self, text: str) -> None:
        """What somebody does now."""

    def show(self, order: Order, seen: int) -> None:
        """A pushed version; those up to `seen` were shown before."""


class Machines(Protocol):
    """What a story may do to the processes of the system."""

    def kill(self, name: str) -> None: ...

    def stop(self, name: str) -> None: ...

    def start(self, name: str) -> None: ...


@dataclass
class Stage:
    """One story's. `versions` are those the customer was pushed, in the order of their coming."""

    people: As
    machines: Machines
    teller: Teller
    order_id: str = ""
    versions: list[Order] = field(default_factory=list)
    _watching: asyncio.Task[None] | None = None
    _moved: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def place(self, restaurant: str, dish: str, card: str = "pm_card_visa") -> None:
        """The customer orders one of a dish and watches; the watch goes on beside the story."""
        self.teller.say(f"The customer orders {dish} at {restaurant}, with {card}.")
        async with self.people(CUSTOMER, Role.CUSTOMER) as customer:
            placed = await customer.place_order(restaurant, {dish: 1}, card)
        self.order_id = placed["id"]
        self._watching = asyncio.create_task(self._watch())

    async def act(self, who: str, role: Role, action: Callable[[Client], Any], says: str) -> Any:
        """Somebody does something. Raises what the client raises: a refusal is UserErrors."""
        self.teller.say(says)
        async with self.people(who, role) as client:
            return await action(client)

    async def until(self, condition: Callable[[Order], bool], what: str) -> Order:
        """The first pushed version for which it holds."""
        async with self._moved:
            while not (found := next(filter(condition, self.versions), None)):
                if self._watching is None or self._watching.done():
                    self._broken()
                    raise StoryError(f"it was to be {what}, and {self.reached}")
                await self._moved.wait()
        return found

    async def ending(self) -> Order:
        """The last version: the stream is over, the order is settled."""
        if self._watching is None:
            raise StoryError("nothing was ordered")
        await self._watching
        return self.versions[-1]

    async def leave(self) -> None:
        """Ends the watch, however the story went."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)

    def _broken(self) -> None:
        """Raises what ended the watch, when that was no story's end."""
        if self._watching and not self._watching.cancelled() and (error := self._watching.exception()):
            raise error

    @property
    def reached(self) -> str:
        """Where the order stands, for the message of a failure."""
        if not self.versions:
            return "no version was pushed"
        last = self.versions[-1]
        return f"it is {last['status']} (payment {last['payment']['status']}) at version {last['version']}"

    async def _watch(self) -> None:
        try:
            async with self.people(CUSTOMER, Role.CUSTOMER) as customer:
                watched: Any = customer.watch(self.order_id)
                async with aclosing(watched) as pushed:
                    async for order in pushed:
                        await self._seen(order)
        finally:
            async with self._moved:
                self._moved.notify_all()

    async def _seen(self, order: Order) -> None:
        self.teller.show(order, self.versions[-1]["version"] if self.versions else 0)
        async with self._moved:
            self.versions.append(order)
            self._moved.notify_all()


@dataclass(frozen=True)
class Ending:
    """How an order ended, as its customer saw it."""

    status: str
    payment: str
    reason: str = ""

    def __str__(self) -> str:
        why = f" ({self.reason})" if self.reason else ""
        return f"{self.status}{why}, payment {self.payment}"


def ending(order: Order) -> Ending:
    """The ending that a last version shows."""
    cancellation = order["cancellation"]
    return Ending(order["status"], order["payment"]["status"], cancellation["reason"] if cancellation else "")


@dataclass(frozen=True)
class Played:
    """A story that was played. `fault` says what went wrong; empty when its ending is one of those expected."""

    title: str
    expected: str
    real: str
    seconds: float
    fault: str = ""


def gaps(versions: list[Order]) -> str:
    """What is wrong with the versions pushed; empty when they are 1, 2, 3 …"""
    numbers = [order["version"] for order in versions]
    return "" if numbers == list(range(1, len(numbers) + 1)) else f"versions pushed: {numbers}"


def elapsed(began: float) -> float:
    """Seconds since."""
    return time.monotonic() - began
