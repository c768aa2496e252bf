"""`demae first-order`: one order from placed to delivered, live, with this command as customer and as courier."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from cli import render
from cli.errors import CommandError
from cli.session import ALL, explain
from cli.tokens import Role
from demae_client import Client, DemaeError, Order, Restaurant

CUSTOMER = "first-customer"
MENU_SECONDS = 0.2  # between two looks for a menu
FAVOURITE = "sobaya"  # of the seeded restaurants, the one that cooks by itself, quickly
As = Callable[[str, Role], Client]
"""Opens a client for a principal."""


@dataclass(frozen=True)
class Plan:
    """What to play. `deadline` is in seconds, for the whole story; `restaurant` None: a seeded one, or any.

    `own`: a courier for this order alone, free even while all others carry orders; goes home at the end.
    `patience`: seconds to wait for a menu to come out of the log.
    """

    couriers: Sequence[str]
    card: str
    deadline: float
    restaurant: str | None = None
    own: str | None = None
    patience: float = 0.0


async def tell(plan: Plan, speak_as: As, console: Console) -> None:
    """Play the story and print it. Raises CommandError when the order does not end DELIVERED in time."""
    story = Story(plan, speak_as, console)
    try:
        async with asyncio.timeout(plan.deadline):
            await story.play()
    except TimeoutError as late:
        raise CommandError(
            f"The first order was not delivered within {plan.deadline:g} s: {story.reached}. "
            "`./demae doctor` shows which part is not well."
        ) from late
    except DemaeError as error:
        raise CommandError(f"The first order came to a stop: {story.reached}.\n{explain(error)}") from error


class Story:
    """One order and the people around it. `reached` says how far it came, for the message of a failure."""

    def __init__(self, plan: Plan, speak_as: As, console: Console) -> None:
        self._plan = plan
        self._as = speak_as
        self._console = console
        self.reached = "the couriers could not start their shifts"

    async def play(self) -> None:
        """From the couriers' shifts to DELIVERED."""
        begin = time.monotonic()
        own = [self._plan.own] if self._plan.own else []
        await asyncio.gather(*(self._start_shift(courier) for courier in [*self._plan.couriers, *own]))
        self.reached = "it could not be placed"
        async with self._as(CUSTOMER, Role.CUSTOMER) as customer:
            restaurant = await self._restaurant(customer)
            dish = restaurant["menu"][0]["id"]
            placed = await customer.place_order(restaurant["id"], {dish: 1}, self._plan.card)
            self._console.print(f"Order [bold]{placed['id']}[/] is placed. Its versions, as they are pushed:")
            await self._follow(customer, placed["id"])
        for courier in own:
            async with self._as(courier, Role.COURIER) as client:
                await client.end_shift()
        self._console.print(f"Delivered, {time.monotonic() - begin:.1f} s after the first request.")

    async def _start_shift(self, courier: str) -> None:
        async with self._as(courier, Role.COURIER) as client:
            await client.start_shift()

    async def _restaurant(self, customer: Client) -> Restaurant:
        """The one to order at; a menu that was seeded a moment ago may still be in the log."""
        end = time.monotonic() + self._plan.patience
        while True:
            try:
                return choose(await customer.restaurants(first=ALL), self._plan.restaurant)
            except CommandError:
                if time.monotonic() >= end:
                    raise
            await asyncio.sleep(MENU_SECONDS)

    async def _follow(self, customer: Client, order_id: str) -> None:
        seen = 0
        watched: Any = customer.watch(order_id)
        async with aclosing(watched) as versions:
            async for order in versions:
                for line in render.history(order, seen):
                    self._console.print(line)
                seen, status = order["version"], order["status"]
                self.reached = f"it is {status} (payment {order['payment']['status']}) since version {seen}"
                if status == "DELIVERED":
                    return
                if status == "CANCELLED":
                    raise CommandError(f"The first order was cancelled: {render.reason(order)}.")
                await self._act(order)
        raise CommandError(f"The subscription ended before the order was delivered: {self.reached}.")

    async def _act(self, order: Order) -> None:
        if order["status"] not in ("READY", "PICKED_UP") or order["courierId"] is None:
            return
        async with self._as(order["courierId"], Role.COURIER) as courier:
            await (courier.pick_up if order["status"] == "READY" else courier.deliver)(order["id"])


def choose(restaurants: Sequence[Restaurant], wanted: str | None) -> Restaurant:
    """The restaurant `wanted`; without a wish FAVOURITE, else the first. Raises CommandError when none has a menu."""
    serving = {one["id"]: one for one in restaurants if one["menu"]}
    found = serving.get(wanted) if wanted else serving.get(FAVOURITE, next(iter(serving.values()), None))
    if found is None:
        what = f"There is no restaurant {wanted} with a menu" if wanted else "No restaurant has a menu yet"
        raise CommandError(f"{what}: menus reach the API as events; `./demae doctor` shows whether they flow.")
    return found
