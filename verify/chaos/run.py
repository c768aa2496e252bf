"""One run on one stack: load and faults at the same time, then healing, then what is left."""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

import psycopg

from chaos import deeds, healing
from chaos.faults import Fault, deck
from chaos.plan import ALLOWANCES, Plan
from chaos.probe import SIGNS, Probe
from chaos.scene import Scene, Stopped
from chaos.schedule import schedule
from chaos.stories import Story
from chaos.town import Target, Town
from chaos.verdict import Met
from check.history import Recorder
from ground.stack import Stack

THREADS = 16  # a fault blocks one while it lasts
TARGETS = 20  # open orders that a poison may hit
SETTLE_SECONDS = 240.0
DUTY_SECONDS = 35.0

Say = Callable[[str], None]


@dataclass(frozen=True)
class Played:
    """All that a run has seen. Times are unix times; `left` is what did not come to rest."""

    began: float
    ended: float
    stories: Sequence[Story]
    met: Sequence[Met]
    poisoned: frozenset[str]
    broken: Sequence[str]
    left: Sequence[str]


class Run:
    """The load, and what disturbs it."""

    def __init__(self, stack: Stack, plan: Plan, say: Say) -> None:
        self._plan = plan
        self._say = say
        self._loop = asyncio.get_running_loop()
        self._threads = ThreadPoolExecutor(THREADS)
        self._clients = Recorder(plan.histories / "clients.jsonl", "clients")
        self._breaker = Recorder(plan.histories / "faults.jsonl", "faults")
        self._town = Town(Target(stack.url, stack.jwt_secret, plan.seed), self._clients)
        self._scene = Scene(stack, self._breaker, self._targets, self._poisoned_too, self._strike)
        self._probe = Probe(stack.database_url("verify"), self._town)
        self._poisoned: set[str] = set()
        self._met: list[Met] = []
        self._under_way: dict[int, str] = {}

    async def play(self) -> Played:
        """From the first order to rest."""
        try:
            self._clients.note("allowances", **ALLOWANCES)
            self._say("putting couriers on shift")
            await self._town.begin()
            began = time.time()
            await self._trouble(began)
            left = await self._rest()
        finally:
            self._scene.stopping.set()
            await self._town.end()
            await self._probe.close()
            self._threads.shutdown(wait=True)
            self._clients.close()
            self._breaker.close()
        return Played(
            began, time.time(), self._town.stories, self._met, frozenset(self._poisoned), self._town.faults, left
        )

    async def _trouble(self, began: float) -> None:
        """Orders arrive and parts break, each by its own schedule."""
        faults = schedule(self._plan.seed, self._plan.seconds, deck(test_build=self._plan.local))
        async with asyncio.TaskGroup() as together:
            together.create_task(self._town.arrive(self._plan.rate, self._plan.seconds))
            beside = [together.create_task(work) for work in (self._tell(began, len(faults)), self._on_duty())]
            breaking = [together.create_task(self._break(began, n, fault)) for n, fault in enumerate(faults)]
            await asyncio.sleep(began + self._plan.seconds - time.time())
            await asyncio.gather(*breaking)
            for task in beside:
                task.cancel()

    async def _break(self, began: float, number: int, fault: Fault) -> None:
        await asyncio.sleep(began + fault.at - time.time())
        self._under_way[number] = f"{fault.kind} {fault.part}"
        noted = self._breaker.fault(fault.kind, fault.part, seconds=fault.seconds, detail=fault.detail)
        try:
            done = await self._loop.run_in_executor(self._threads, deeds.do, self._scene, fault)
        except Stopped:
            return
        noted.healed()
        recovered = None
        if fault.part in SIGNS and not done.failed:
            recovered = await self._probe.recovered(fault.part, done.ended)
        if recovered:
            noted.recovered()
        self._met.append(Met(done, recovered))
        self._under_way.pop(number)

    async def _on_duty(self) -> None:
        """A person who looks at what is parked now and then, while all goes on."""
        while True:
            await asyncio.sleep(DUTY_SECONDS)
            with suppress(psycopg.OperationalError, TimeoutError):
                await self._loop.run_in_executor(self._threads, healing.decide, self._scene)

    async def _rest(self) -> list[str]:
        """All healed, and quiet."""
        self._say("healing: starting what does not run")

        def rest() -> list[str]:
            ill = healing.heal(self._scene)
            return ill + healing.settle(self._scene, self._town.unsettled, self._say, SETTLE_SECONDS)

        return await self._loop.run_in_executor(self._threads, rest)

    async def _tell(self, began: float, faults: int) -> None:
        while True:
            passed = min(time.time() - began, self._plan.seconds)
            now = ", ".join(self._under_way.values()) or "air"
            told = f"{len(self._town.stories)} orders, {len(self._town.open)} open"
            self._say(f"{passed:.0f} of {self._plan.seconds:.0f} s: {told}; {len(self._met)} of {faults} faults: {now}")
            await asyncio.sleep(1.0)

    def _targets(self) -> list[str]:
        return list(self._town.open)[-TARGETS:]

    def _poisoned_too(self, order: str) -> None:
        self._poisoned.add(order)

    def _strike(self, on: bool) -> Future[None]:
        return asyncio.run_coroutine_threadsafe(self._town.strike(on), self._loop)


async def play(stack: Stack, plan: Plan, say: Say) -> Played:
    """A whole run."""
    return await Run(stack, plan, say).play()
