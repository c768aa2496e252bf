"""The log stands still for longer than any order may wait, while placing goes on and couriers are few (I15).

A deadline that is read off a wall clock, or fired directly, cancels here what would have ended well.
"""

import asyncio
import json
from collections import Counter

import pytest

from actors.people import Town
from actors.report import counts
from actors.town import Plan, play
from ground.stack import Stack

REASONS = ("payment_timeout", "payment_failed", "no_courier", "restaurant_silent", "not_ready", "not_picked_up")
ALLOWANCE = 20  # ticks of the log's clock, for every wait
STANDSTILL = 26.0  # seconds without change data capture, or a broker: longer than any allowance
RATE, COURIERS = 1.5, 8  # what waits after the standstill is carried well within an allowance


async def ended(stack: Stack, part: str) -> Counter[str]:
    """How the orders of a town ended that had a standstill in its midst."""
    town = Town(stack.url, stack.jwt_secret)
    plan = Plan(
        orders=int(RATE * (STANDSTILL + 4)),
        rate=RATE,
        couriers=COURIERS,
        period=0.5,
        patience=120.0,
        restaurants=("bench-kitchen",),
    )
    playing = asyncio.create_task(play(plan, town.speak_as, lambda _stories: None))
    await asyncio.sleep(2)  # orders in every status
    await asyncio.to_thread(stack.stop, part)
    await asyncio.sleep(STANDSTILL)  # the length of the standstill is what is tested
    await asyncio.to_thread(stack.start, part)
    return counts(await playing)


@pytest.mark.needs("settings", "stop")
@pytest.mark.parametrize("part", ["connect", "kafka"])
async def test_standstill_cancels_nothing(once: Stack, part: str) -> None:
    """No order is cancelled: none would have been without it.

    Without a broker for so long Connect's worker loses its place in its group: its tasks must be given back at once.

    On one runtime: the clock is the log's and the deadlines are the services', whatever runs them.
    """
    with once.settings(ALLOWANCES=json.dumps(dict.fromkeys(REASONS, ALLOWANCE))):
        assert await ended(once, part) == {"delivered": int(RATE * (STANDSTILL + 4))}
