"""The payment provider in trouble while orders flow and customers change their minds: its own log is the judge."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from uuid import uuid4

import pytest

from actors.customer import Story
from actors.people import Town
from actors.report import ending
from actors.town import Plan, play
from demae_client import UserErrors
from ground.provider_faults import ProviderFaults
from ground.stack import Stack
from ground.waiting import until
from tests.support.delivering import speak_as
from tests.support.evidence import captures, refunds

RATE, SECONDS = 4.0, 14.0  # of the orders that are to be delivered
MINDS = 28  # customers who cancel
# One after the other, each so long; refunds are refused all the time, by half of the intents.
WEATHER: Sequence[dict[str, float]] = (
    {"unavailable": 1.0},
    {"lose_answer": 0.2, "lose_request": 0.2, "error_after": 0.1},
    {"hang": 0.2, "hang_seconds": 6.0, "slow_ms": 200},
)
EACH_SECONDS, HIT_SECONDS = 4.0, 5.0
SETTLED = {"REFUNDED", "RELEASED", "REFUND_FAILED"}


@dataclass(frozen=True)
class Ended:
    """What a customer was pushed last."""

    order: str
    status: str
    payment: str


async def rain(stack: Stack) -> None:
    """All of the weather, each until it has hit somebody, too; then the sun, but for refunds."""
    provider = stack.provider_faults
    for number, faults in enumerate(WEATHER):
        await asyncio.to_thread(provider.set, seed=number, refuse_refunds=0.5, **faults)
        await asyncio.sleep(EACH_SECONDS)  # the length of the trouble is what is tested
        hit = partial(hits, provider, set(faults))
        await asyncio.to_thread(until, hit, HIT_SECONDS, f"a call hit by {' '.join(faults)}")
    await asyncio.to_thread(provider.set, refuse_refunds=0.5)


def hits(provider: ProviderFaults, faults: set[str]) -> set[str]:
    """Those of these faults that a call has met since they were set."""
    return faults & set(provider.look()["done"])


async def change_of_mind(stack: Stack, number: int) -> Ended:
    """Somebody who orders, cancels at one moment or another of the payment, and sees how it ends."""
    await asyncio.sleep(number * SECONDS / MINDS)
    async with speak_as(stack, f"customer-{uuid4()}", "customer") as customer:
        placed = await customer.place_order("bench-kitchen", {"ration": 1})
        await asyncio.sleep(0.15 * (number % 7))
        with suppress(UserErrors):  # picked up already
            await customer.cancel(placed["id"])
        async for order in customer.watch(placed["id"]):
            last = order
    return Ended(placed["id"], last["status"], last["payment"]["status"])


async def deliveries(stack: Stack) -> list[Story]:
    """A town around them."""
    town = Town(stack.url, stack.jwt_secret)
    plan = Plan(int(RATE * SECONDS), RATE, couriers=30, period=0.5, patience=60.0, restaurants=("bench-kitchen",))
    return await play(plan, town.speak_as, lambda _stories: None)


@pytest.mark.needs("provider faults", "provider log")
async def test_trouble_costs_nobody_money(stack: Stack) -> None:
    """Refused, lost, slow and silent calls: all is delivered or settled, charged once, and kept only as was told."""
    try:
        async with asyncio.timeout(120):
            minds = asyncio.gather(*(change_of_mind(stack, number) for number in range(MINDS)))
            stories, ended, _ = await asyncio.gather(deliveries(stack), minds, rain(stack))
    finally:
        stack.provider_faults.heal()
    assert [(story.order_id, ending(story)) for story in stories if ending(story) != "delivered"] == []
    assert {one.payment for one in ended if one.status == "CANCELLED"} <= SETTLED
    charged, returned = captures(stack.provider_log), refunds(stack.provider_log)
    told = {one.order: one.payment in ("COMPLETED", "REFUND_FAILED") for one in ended}
    told |= {story.order_id: True for story in stories}
    assert {order: charged[order] - returned[order] for order in told} == told
    assert max(charged[order] for order in told) == 1
