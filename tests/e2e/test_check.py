"""`demae check` on the real parts: a short town with every journey in it, judged by all that it leaves behind."""

import asyncio
import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from chaos.stories import Story
from chaos.town import Target, Town
from check.history import Recorder
from ground.stack import Stack
from tests.support import programs

RATE, SECONDS = 4.0, 15.0
ENDED_SECONDS = 90.0
ALLOWANCES = {
    "payment_timeout": 60,
    "payment_failed": 15,
    "no_courier": 60,
    "restaurant_silent": 60,
    "not_ready": 20,
    "not_picked_up": 20,
    "not_delivered": 20,
}


async def ends(*stories: Story) -> None:
    """Until all of them are told to their end, or for long enough: what is missing is the check's word."""
    for story in stories:
        deadline = time.monotonic() + ENDED_SECONDS
        while not story.over:
            await asyncio.sleep(0.1)
            if time.monotonic() > deadline:
                return


async def play(stack: Stack, histories: Path) -> int:
    """Customers, kitchens and couriers with all their whims; -> the orders that were not told to their end."""
    with Recorder(histories / "town.jsonl", "town") as recorder:
        recorder.note("allowances", **ALLOWANCES)
        town = Town(Target(stack.url, stack.jwt_secret, seed=int(time.time())), recorder)
        await town.begin()
        await town.arrive(RATE, SECONDS)
        await ends(*town.stories)
        await town.tidy()
        await town.end()
        return len(town.unsettled())


def judged(stack: Stack, since: datetime, *options: str) -> dict[str, Any]:
    """What the check says of the orders placed since then."""
    told = programs.run(stack, "check", "--since", since.isoformat(), "--quiet-first", "30", "--json", *options)
    assert told.stdout, told.stderr
    found: dict[str, Any] = json.loads(told.stdout)
    return found


@pytest.mark.needs("settings", "database", "provider log", "brokers")
async def test_mixed_town_is_judged_sound(once: Stack, tmp_path: Path) -> None:
    """Every order ends, every invariant is judged by all sources, and none is violated.

    On one runtime: how the sources are reached, the next test and test_poison.py see on all of them.
    """
    since = datetime.now(UTC)
    with once.settings(ALLOWANCES=json.dumps(ALLOWANCES)):
        left = await play(once, tmp_path)
        found = await asyncio.to_thread(judged, once, since, "--all-settled", "--histories", str(tmp_path))
    wrong = {name: one["breaches"] for name, one in found["invariants"].items() if one["verdict"] != "held"}
    assert (wrong, left, found["open"]) == ({}, 0, 0)
    assert found["orders"] >= RATE * SECONDS
    assert {"tables", "topics", "provider", "histories"} <= set(found["sources"])


@pytest.mark.needs("database", "brokers", "provider log")
async def test_one_order_is_told_in_full(stack: Stack, tmp_path: Path) -> None:
    """The time machine: one order's events with their places, its versions, and what the provider did."""
    with Recorder(tmp_path / "town.jsonl", "town") as recorder:
        town = Town(Target(stack.url, stack.jwt_secret, seed=int(time.time()) + 1), recorder)
        await town.begin()
        await town.arrive(1, 1)
        await ends(*town.stories)
        await town.tidy()
        await town.end()
    order = town.stories[0].id
    told = await asyncio.to_thread(programs.run, stack, "check", "--order", order, "--histories", str(tmp_path))
    assert told.returncode == 0, told.stdout + told.stderr
    for words in ("order_created", "orders.journal", "the provider", "was shown version 1", "placeOrder", "I12"):
        assert words in told.stdout
