"""The eight stories: what people do, and how each order must end."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from cli.tokens import Role
from demae_client import Client, Order, UserErrors
from tour.stage import CUSTOMER, Ending, Stage, StoryError

AUTOMATIC, SOBA = "sobaya", "zaru-soba"
MANUAL, QUICHE = "chez-margot", "quiche"
QUICHES = 100_000_000  # as seeded
COURIERS = tuple(f"c-{number:02}" for number in range(1, 6))
AWAY_SECONDS = 2.0

DELIVERED = Ending("DELIVERED", "COMPLETED")


@dataclass(frozen=True)
class Story:
    """`endings`: those that are right (a race has two)."""

    title: str
    lesson: str
    endings: tuple[Ending, ...]
    play: Callable[[Stage], Awaitable[None]]


async def carried(stage: Stage) -> None:
    """The assigned courier picks up what is ready, and delivers it."""
    order = await stage.until(lambda order: order["status"] == "READY", "READY")
    courier = carrier(order)
    await stage.act(courier, Role.COURIER, lambda client: client.pick_up(order["id"]), f"{courier} picks it up.")
    await stage.act(courier, Role.COURIER, lambda client: client.deliver(order["id"]), f"{courier} delivers it.")


def carrier(order: Order) -> str:
    """Whoever is assigned."""
    if order["courierId"] is None:
        raise StoryError("nobody is assigned")
    return order["courierId"]


async def cooking(stage: Stage) -> Order:
    """An order in a kitchen that says by hand when a dish is ready."""
    await stage.place(MANUAL, QUICHE)
    return await stage.until(lambda order: order["status"] == "ACCEPTED", "ACCEPTED")


async def good(stage: Stage) -> None:
    await stage.place(AUTOMATIC, SOBA)
    await carried(stage)


async def declined(stage: Stage) -> None:
    await stage.place(AUTOMATIC, SOBA, "pm_card_chargeDeclined")
    order = await stage.until(lambda order: order["payment"]["status"] == "FAILED", "declined")
    await as_customer(stage, lambda client: client.retry_payment(order["id"], "pm_card_visa"), "tries another card")
    await carried(stage)


async def regretted(stage: Stage) -> None:
    order = await cooking(stage)
    await as_customer(stage, lambda client: client.cancel(order["id"]), "changes her mind")


async def sold_out(stage: Stage) -> None:
    order = await cooking(stage)
    await as_kitchen(stage, lambda client: client.report_out_of_stock(order["id"], [QUICHE]), "finds no quiche left")
    try:
        await stage.ending()
    finally:
        await as_kitchen(stage, lambda client: client.set_stock(QUICHE, QUICHES), "has new ones")


async def gone_home(stage: Stage) -> None:
    order = await cooking(stage)
    first = carrier(order)
    await stage.act(first, Role.COURIER, Client.end_shift, f"{first} goes home before the dish is ready.")
    try:
        await stage.until(lambda order: order["courierId"] not in (None, first), "with another courier")
        await as_kitchen(stage, lambda client: client.mark_ready(order["id"]), "has the dish ready")
        await carried(stage)
    finally:
        await stage.act(first, Role.COURIER, Client.start_shift, f"{first} is back on shift.")


async def raced(stage: Stage) -> None:
    order = await cooking(stage)
    await as_kitchen(stage, lambda client: client.mark_ready(order["id"]), "has the dish ready")
    order = await stage.until(lambda order: order["status"] == "READY", "READY")
    courier = carrier(order)
    both = await asyncio.gather(
        as_customer(stage, lambda client: client.cancel(order["id"]), "cancels"),
        stage.act(courier, Role.COURIER, lambda client: client.pick_up(order["id"]), f"{courier} picks it up."),
        return_exceptions=True,
    )
    losers = [said for said in both if isinstance(said, BaseException)]
    if len(losers) != 1 or not isinstance(losers[0], UserErrors):
        raise StoryError(f"one of the two must be refused: {both}")
    stage.teller.say(f"The slower of the two is told why: {losers[0]}")
    if isinstance(both[0], UserErrors):
        await stage.act(courier, Role.COURIER, lambda client: client.deliver(order["id"]), f"{courier} delivers it.")


async def killed(stage: Stage) -> None:
    stage.teller.say("kill -9 payment: the order is placed all the same, and waits for it to be back.")
    stage.machines.kill("payment")
    await good(stage)


async def unreachable(stage: Stage) -> None:
    stage.teller.say("The payment provider goes away.")
    stage.machines.stop("provider")
    try:
        await stage.place(AUTOMATIC, SOBA)
        await asyncio.sleep(AWAY_SECONDS)
    finally:
        stage.teller.say("It is back: the call that got no answer is made again, under the same intent.")
        stage.machines.start("provider")
    await carried(stage)


async def as_customer(stage: Stage, action: Callable[[Client], Awaitable[Order]], does: str) -> Order:
    order: Order = await stage.act(CUSTOMER, Role.CUSTOMER, action, f"The customer {does}.")
    return order


async def as_kitchen(stage: Stage, action: Callable[[Client], Awaitable[object]], does: str) -> None:
    await stage.act(MANUAL, Role.RESTAURANT, action, f"The kitchen {does}.")


def cancelled(reason: str) -> Ending:
    """Paid, cancelled, and the money went back."""
    return Ending("CANCELLED", "REFUNDED", reason)


STORIES = (
    Story("The good way", "Five services, and none of them commands another.", (DELIVERED,), good),
    Story(
        "Declined, then another card",
        "The bank's reason is pushed, and until when another card may follow.",
        (DELIVERED,),
        declined,
    ),
    Story(
        "The customer changes her mind",
        "One fact, order_cancelled, and every service undoes its own part, once.",
        (cancelled("CUSTOMER"),),
        regretted,
    ),
    Story(
        "The dish is out",
        "The kitchen finds out while it cooks: the order ends, and the money goes back.",
        (cancelled("OUT_OF_STOCK"),),
        sold_out,
    ),
    Story("The courier goes home", "The order looks for the next one by itself.", (DELIVERED,), gone_home),
    Story(
        "Cancelled and picked up at once",
        "The race is decided on one row, and the loser is told why.",
        (DELIVERED, cancelled("CUSTOMER")),
        raced,
    ),
    Story("A service dies", "What was accepted is in the log, and the log waits.", (DELIVERED,), killed),
    Story(
        "The payment provider is away",
        "Nothing is lost, nobody is charged twice, no other order stands still.",
        (DELIVERED,),
        unreachable,
    ),
)
