"""One run: couriers and kitchens at work, customers arriving at a rate."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from actors import customer, staff
from actors.customer import Story
from actors.people import As
from demae_client import Client, Restaurant

CUSTOMERS = 10  # people with a connection each; they order again and again
MENU_SECONDS = 15.0
SEEDED = 5  # couriers c-01 … c-05 stay on shift: `make up` put them there


class ActorsError(Exception):
    """The town cannot be played; says why."""


@dataclass(frozen=True)
class Plan:
    """What to play: `rate` in orders per second, staff looks every `period` s, the last orders have `patience` s."""

    orders: int
    rate: float
    couriers: int
    period: float
    patience: float
    restaurants: Sequence[str] = ()
    card: str = "pm_card_visa"


async def play(plan: Plan, speak_as: As, progress: Callable[[Sequence[Story]], None]) -> list[Story]:
    """Every customer's story; `progress` is called once a second. Raises DemaeError when staff is refused."""
    serving = await open_restaurants(plan, speak_as)
    stories: list[Story] = []
    async with contextlib.AsyncExitStack() as open_:
        workers = await open_.enter_async_context(at_work(plan, [one["id"] for one in serving], speak_as))
        clients = [await open_.enter_async_context(speak_as(f"actor-{n:02}", "customer")) for n in range(CUSTOMERS)]
        guests = asyncio.create_task(arrive(plan, clients, serving, stories))
        await until_done(guests, workers, lambda: progress(stories))
    return stories


async def open_restaurants(plan: Plan, speak_as: As) -> list[Restaurant]:
    """Those of the plan that have a menu; all of them when the plan names none. Waits for menus still in the log."""
    end = time.monotonic() + MENU_SECONDS
    async with speak_as("actors", "support") as client:
        while time.monotonic() < end:
            found = await client.restaurants(first=staff.LIST)
            serving = [one for one in found if one["menu"] and (one["id"] in plan.restaurants or not plan.restaurants)]
            if serving and {one["id"] for one in serving} >= set(plan.restaurants):
                return serving
            await asyncio.sleep(0.2)
    raise ActorsError("not every restaurant of the plan has a menu")


@contextlib.asynccontextmanager
async def at_work(plan: Plan, kitchens: Sequence[str], speak_as: As) -> AsyncIterator[list[asyncio.Task[None]]]:
    """Couriers and kitchens working in the background; the couriers that were not seeded go home at the end."""
    names = [f"c-{number:02}" for number in range(1, plan.couriers + 1)]
    tasks = [asyncio.create_task(staff.courier(speak_as, name, plan.period)) for name in names]
    tasks += [asyncio.create_task(staff.kitchen(speak_as, name, plan.period)) for name in kitchens]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(staff.go_home(speak_as, name) for name in names[SEEDED:]))


async def arrive(plan: Plan, clients: Sequence[Client], serving: Sequence[Restaurant], stories: list[Story]) -> None:
    """Customers begin on schedule, whatever happens to those before; all are followed, the last ones with patience."""
    loop = asyncio.get_running_loop()
    begin, lives = loop.time(), []
    for number in range(plan.orders):
        await asyncio.sleep(max(0.0, begin + number / plan.rate - loop.time()))
        stories.append(Story())
        life = customer.live(clients[number % CUSTOMERS], serving, stories[-1], plan.card)
        lives.append(asyncio.create_task(life))
    _, late = await asyncio.wait(lives, timeout=plan.patience)
    for task in late:
        task.cancel()
    await asyncio.gather(*late, return_exceptions=True)


async def until_done(
    guests: asyncio.Task[None], workers: Sequence[asyncio.Task[None]], tell: Callable[[], None]
) -> None:
    """Wait for the customers, second by second; staff that was refused ends the play."""
    while not guests.done():
        tell()
        done, _ = await asyncio.wait([guests, *workers], timeout=1.0, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            if error := task.exception():
                guests.cancel()
                raise error
    tell()
