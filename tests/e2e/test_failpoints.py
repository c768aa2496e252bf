"""A crash at every named place of the code, while orders of many kinds flow: each fires, and all holds afterwards.

The places: the tables POINTS of chassis and the services. One that no round names, or that does not fire, fails.
"""

import asyncio
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

import httpx
import pytest

from chaos import healing
from chaos.journeys import Wish, cancelled_early, cancelled_later, cooked, declined_retried, happy, scarce
from chaos.scene import Scene
from chaos.town import Target, Town
from check.history import Recorder
from ground.stack_local import LocalStack
from ground.waiting import until
from tests.support.checking import violations
from tests.support.failpoints import every_point
from tests.support.poison import Bad, Put, inject

RATE = 4.0  # orders a second, so that every place is passed soon
JOURNEYS = (happy, cooked, declined_retried, cancelled_early, cancelled_later, scarce)
KITCHEN_SECONDS = 45.0  # of the order that is poisoned meanwhile
FIRES_SECONDS = 40.0
SETTLED_SECONDS = 150.0  # on a busy machine
SLOT_WAL = "64MB"  # a slot is lost behind this
LOST = "SELECT wal_status = 'lost' FROM pg_replication_slots WHERE slot_name = 'demae'"
SEGMENTS = "SELECT pg_current_xact_id(); SELECT pg_switch_wal()"
# What three services read, and cannot.
BAD = Bad("order_cancelled", "api", b'{"reason": 7}')
HEADS = """
SELECT (SELECT count(*) FROM payment.parked WHERE state = 'head') +
  (SELECT count(*) FROM delivery.parked WHERE state = 'head') +
  (SELECT count(*) FROM restaurant.parked WHERE state = 'head')
"""
DECIDE = "UPDATE {}.parked SET state = '{}', who = 'ann', why = 'a test', decided = now() WHERE state = 'head'"


@dataclass
class Crashes:
    """A system whose processes die where a file in `folder` says so, and what can be done to it."""

    stack: LocalStack
    folder: Path
    scene: Scene
    fired: set[str] = field(default_factory=set)
    order: str = ""
    """The one that is poisoned."""
    bad: Put | None = None

    def round(self, armed: Mapping[str, Sequence[str]], disturb: Callable[[], None] = lambda: None) -> None:
        """Process → the places it dies at: arm them all, disturb, see each fire, and wait until everybody is back."""
        names = [f"{point}@{process}" for process, points in armed.items() for point in points]
        for name in names:
            (self.folder / name).touch()
        disturb()
        until(lambda: not any((self.folder / name).exists() for name in names), FIRES_SECONDS, f"the end of {names}")
        self.fired |= {point for points in armed.values() for point in points}
        self.stack.wait_ready(*armed)

    def poison(self) -> None:
        """An order that is being cooked gets an event that payment, delivery and restaurant cannot handle."""
        self.bad = put = inject(self.stack.kafka_bootstrap, self.order, BAD)
        place = (put.topic, put.partition, put.offset)
        told = self.scene.recorder
        told.poison("wrong_shape", place, self.order, kind=BAD.kind, source=BAD.source, event_id=put.event_id or "")

    def decide(self) -> None:
        """A person releases the event where it fails again, and discards it elsewhere."""
        assert self.bad is not None
        for service, state in (("payment", "released"), ("delivery", "discarded"), ("restaurant", "discarded")):
            self.scene.ask(DECIDE.format(service, state))
            place = (self.bad.topic, self.bad.partition, self.bad.offset)
            self.scene.recorder.decided(state, service, place, self.order)

    def forget_connector(self) -> None:
        """The keeper has to register it again."""
        httpx.delete(f"{self.stack.connect_url}/connectors/demae", timeout=10).raise_for_status()

    def lose_slot(self) -> None:
        """The keeper has to drop the slot that Postgres gave up."""

        def lost() -> bool:
            for _ in range(8):
                self.scene.ask(SEGMENTS)
            self.scene.ask("CHECKPOINT")
            return self.scene.ask(LOST) == [(True,)]

        with self.scene.frozen("connect"):
            self.scene.until(lost, "the slot lost")


def rounds(crashes: Crashes) -> None:
    """Every place at least once; different processes die at the same time."""
    crashes.round(
        {
            "payment": ["work.before_call"],
            "delivery": ["batch.before_commit"],
            "restaurant": ["batch.after_commit"],
            "api-projector": ["consumer.before_offsets"],
            "api-http": ["api.before_statement"],
            "notifier": ["notifier.after_read"],
            "keeper": ["keeper.before_tick"],
        }
    )
    crashes.round(
        {
            "payment": ["work.after_call", "work.leased"],
            "delivery": ["batch.after_commit", "prune.before_commit"],
            "restaurant": ["consumer.before_offsets"],
            "api-projector": ["consumer.after_timer"],
            "api-http": ["api.after_statement"],
            "keeper": ["keeper.after_tick"],
        }
    )
    crashes.round(
        {
            "payment": ["work.after_settle"],
            "delivery": ["consumer.before_offsets"],
            "restaurant": ["consumer.after_timer"],
            "api-projector": ["batch.before_commit"],
            "keeper": ["keeper.registered"],
        },
        crashes.forget_connector,
    )
    crashes.round(dict.fromkeys(("payment", "delivery", "restaurant"), ("batch.parking",)), crashes.poison)
    until(lambda: crashes.scene.ask(HEADS) == [(3,)], 20, "the event parked by three services")
    crashes.round(
        {
            "payment": ["drain.again"],
            "delivery": ["drain.before_commit"],
            "restaurant": ["drain.after_commit"],
            "api-projector": ["batch.after_commit"],
        },
        crashes.decide,
    )
    crashes.round({"keeper": ["keeper.slot_dropped"]}, crashes.lose_slot)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a process looks for the place of its death."""
    made = tmp_path / "failpoints"
    made.mkdir()
    return made


@pytest.fixture
def crashing(local: LocalStack, folder: Path) -> Iterator[LocalStack]:
    """The system of the run, as a test build with that folder."""
    with local.settings(FAILPOINTS=str(folder), MAX_SLOT_WAL_KEEP_SIZE=SLOT_WAL):
        local.wait_ready()
        yield local


def wishes() -> Iterator[Wish]:
    """Orders of many kinds, none that waits for a deadline."""
    dice, number = Random("failpoints"), 0
    while True:
        journey = JOURNEYS[number % len(JOURNEYS)]
        yield replace(journey(dice), journey=journey.__name__)
        number += 1


async def customers(town: Town) -> None:
    """They come until they are told to stop, whatever happens."""
    for wish in wishes():
        town.welcome(wish)
        await asyncio.sleep(1 / RATE)


@pytest.mark.needs("settings", "roles", "brokers", "provider log")
async def test_crash_at_every_place(crashing: LocalStack, folder: Path, tmp_path: Path) -> None:
    """All the places fire; afterwards every order has ended, nothing is parked, and the check finds nothing."""
    began = time.time()
    histories = tmp_path / "histories"
    histories.mkdir()
    with Recorder(histories / "load.jsonl", "load") as load, Recorder(histories / "faults.jsonl", "faults") as faults:
        # Idempotency keys come from the seed: another one for each town on this system.
        town = Town(Target(crashing.url, crashing.jwt_secret, secrets.randbelow(2**31)), load)
        scene = Scene(crashing, faults, lambda: list(town.open), lambda _order: None, lambda _on: Future())
        crashes = Crashes(crashing, folder, scene)
        try:
            await town.begin()
            coming = asyncio.create_task(customers(town))
            crashes.order = await cooking(town)
            await asyncio.to_thread(rounds, crashes)
            coming.cancel()
            left = await asyncio.to_thread(healing.settle, scene, town.unsettled, lambda _line: None, SETTLED_SECONDS)
            await town.tidy()
        finally:
            await town.end()
    assert crashes.fired == set(every_point())
    assert (left, town.faults) == ([], [])
    assert await asyncio.to_thread(violations, crashing, histories, began) == []


async def cooking(town: Town) -> str:
    """The id of an order that stays in the kitchen while it is poisoned."""
    wish = Wish(journey="poisoned", restaurant="chez-margot", item="quiche", kitchen_seconds=KITCHEN_SECONDS)
    story = town.welcome(wish)
    await asyncio.to_thread(until, lambda: story.id)
    return story.id
