"""Events that cannot be handled, of every kind, beside orders that flow: each holds its own order and no other.

A person discards what can never be handled, and releases what can since its cause is gone; then all is settled.
"""

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from chaos.journeys import Wish
from chaos.stories import Story
from chaos.town import Target, Town
from check.history import Recorder
from cli import parked
from ground.stack import Stack
from ground.waiting import until
from tests.support.checking import violations
from tests.support.poison import Bad, inject

RATE = 4.0  # orders a second
SEVERAL = 12  # of them, to take a median of
GOOD, DECLINED, CURSED = "pm_card_visa", "pm_card_chargeDeclined", "pm_card_jcb"
CONSUMERS = ("api", "delivery")  # who read `payment_completed`
SOUND = b'{"attempt": 1}'
PAID = Bad("payment_completed", "payment")
HOLDING = {
    "bad json": PAID,
    "bad utf-8": replace(PAID, body=b'{"attempt": "\xff\xfe'),
    "wrong shape": replace(PAID, body=b"[7]"),
    "a megabyte": replace(PAID, body=b'"' + b"x" * 1_000_000 + b'"'),
    "deep nesting": replace(PAID, body=b"[" * 10_000),
    "tombstone": replace(PAID, body=None),
    "unknown version": replace(PAID, body=SOUND, headers={"ce_schemaversion": "7"}),
    "id is no uuid": replace(PAID, body=SOUND, headers={"ce_id": "17"}),
    "no source": replace(PAID, body=SOUND, headers={"ce_source": None}),
}
# Nobody's, and nobody's business.
PASSING = {
    "no key": replace(PAID, keyed=False),
    "unknown type": Bad("moon_rose", "payment"),
}


@dataclass
class Scene:
    """A town at work on the system, and what it wrote down."""

    stack: Stack
    town: Town
    recorder: Recorder
    histories: Path
    began: float

    def inject(self, name: str, bad: Bad, order: str) -> None:
        """Put it behind what the log has of this order, and say so to the judge."""
        put = inject(self.stack.kafka_bootstrap, order, bad)
        consumers = CONSUMERS if bad.kind == PAID.kind else ()
        self.recorder.poison(
            name,
            (put.topic, put.partition, put.offset),
            order if bad.keyed else "",
            kind=bad.kind,
            source=bad.source,
            event_id=put.event_id or "",
            consumers=consumers,
        )

    def parked(self, *words: str) -> str:
        """`demae parked …`, as a person types it."""
        told = CliRunner().invoke(parked.app, list(words), env=self.stack.person())
        assert told.exit_code == 0, told.output or told.exception
        return told.output

    def heads(self) -> list[dict[str, Any]]:
        """What waits for a person."""
        found: list[dict[str, Any]] = json.loads(self.parked("list", "--json"))
        return found

    def decide(self, decision: str, *words: str) -> None:
        """A person decides on every head, and the judge is told."""
        for head in self.heads():
            place = (head["topic"], head["partition"], head["offset"])
            self.recorder.decided(
                f"{decision}d" if decision == "release" else f"{decision}ed", head["consumer"], place, head["key"]
            )
        self.parked(decision, "--all", *words)


@asynccontextmanager
async def playing(stack: Stack, histories: Path) -> AsyncIterator[Scene]:
    """Couriers on shift, customers at hand."""
    began = time.time()
    load, recorder = (Recorder(histories.joinpath(f"{name}.jsonl"), name) for name in ("load", "poison"))
    with load, recorder:
        # Idempotency keys come from the seed: another one for each town on this system.
        town = Town(Target(stack.url, stack.jwt_secret, secrets.randbelow(2**31)), load)
        try:
            await town.begin()
            yield Scene(stack, town, recorder, histories, began)
            await town.tidy()
        finally:
            await town.end()


async def seen(condition: Callable[[], object], seconds: float = 20.0, what: str = "the condition") -> None:
    """As `until`, while the town goes on."""
    await asyncio.to_thread(until, condition, seconds, what)


async def several(town: Town) -> list[Story]:
    """Orders of which nothing is to be told, to their end."""
    stories = []
    for _ in range(SEVERAL):
        stories.append(town.welcome(Wish()))
        await asyncio.sleep(1 / RATE)
    await seen(lambda: all(story.over for story in stories), what="the end of orders that nobody poisoned")
    return stories


def took(stories: list[Story]) -> float:
    """From placed to delivered, of half of them."""
    return median(story.ended - story.began for story in stories)


async def declined(town: Town) -> dict[str, Story]:
    """An order for each poison, with a card that was declined: it waits for another card."""
    stories = {name: town.welcome(Wish(card=DECLINED)) for name in HOLDING}
    await seen(lambda: all(story.payment == "FAILED" for story in stories.values()), what="declined cards")
    return stories


async def pay(town: Town, stories: list[Story]) -> None:
    """With another card: from here on each order waits for nothing but what is parked before its payment."""
    customers = [(town.customer(story), story.id) for story in stories]
    said = [town.desk.act(who, "retryPayment", order, paymentMethod=GOOD) for who, order in customers]
    assert [answer.code for answer in await asyncio.gather(*said) if answer.code] == []


@contextmanager
def cursed(stack: Stack) -> Iterator[None]:
    """payment cannot store one kind of card: a fault that is repaired at the end of the block."""
    with psycopg.connect(stack.database_url("postgres"), autocommit=True) as db:
        db.execute(f"ALTER TABLE payment.payment ADD CONSTRAINT cursed CHECK (card <> '{CURSED}') NOT VALID".encode())
        try:
            yield
        finally:
            db.execute("ALTER TABLE payment.payment DROP CONSTRAINT cursed")


NEEDS = ("brokers", "database", "roles", "state", "provider log")


@pytest.mark.needs(*NEEDS)
async def test_poison_holds_its_own_order(stack: Stack, tmp_path: Path) -> None:
    """Others are as fast as before; the hit ones wait until a person discards, then end well; nothing is lost."""
    async with playing(stack, tmp_path) as scene:
        before = await several(scene.town)
        hit = await declined(scene.town)
        for name, bad in HOLDING.items():
            scene.inject(name, bad, hit[name].id)
        for name, bad in PASSING.items():
            scene.inject(name, bad, before[0].id)
        await pay(scene.town, list(hit.values()))
        during = await several(scene.town)
        await seen(lambda: all(one["behind"] for one in scene.heads() if one["key"]), what="payments behind poison")
        heads = {(one["consumer"], one["key"]) for one in scene.heads()}
        assert heads == {(consumer, key) for consumer in CONSUMERS for key in ["", *(one.id for one in hit.values())]}
        assert {story.status for story in hit.values()} == {"PLACED"}
        assert took(during) < 3 * took(before) + 0.5
        scene.decide("discard", "--reason", "no event at all")
        await seen(lambda: all(story.over for story in hit.values()), what="the end of orders that were poisoned")
        assert {story.ending for story in hit.values()} == {"DELIVERED"}
        assert scene.heads() == []
        kept = json.loads(scene.parked("list", "--discarded", "--json"))
        assert {(one["consumer"], one["key"]) for one in kept} >= heads
        assert scene.town.faults == []
    assert await asyncio.to_thread(violations, stack, scene.histories, scene.began) == []


@pytest.mark.needs(*NEEDS)
async def test_released_orders_end_well(stack: Stack, tmp_path: Path) -> None:
    """An event that a fault of the program made poison: repaired and released, its order goes on where it stood."""
    async with playing(stack, tmp_path) as scene:
        with cursed(stack):
            story = scene.town.welcome(Wish(card=CURSED))
            await seen(lambda: [one["key"] for one in scene.heads()] == [story.id], what="a parked order")
            others = await several(scene.town)
            scene.parked("release", story.id)
            await seen(lambda: [one["attempts"] for one in scene.heads()] == [2], what="a second try")
        assert {other.ending for other in others} == {"DELIVERED"}
        scene.decide("release")
        await seen(lambda: story.over, what="the end of the released order")
        assert story.ending == "DELIVERED"
        assert scene.heads() == []
    assert await asyncio.to_thread(violations, stack, scene.histories, scene.began) == []
