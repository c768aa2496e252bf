"""The load and everything that looks at it: one for all experiments of a run."""

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from bench import arrivals
from bench.judge import violations
from bench.load import Load, Target
from bench.orders import Placed
from bench.phases import Say
from bench.stack import Stack
from bench.truth import Marks, Truth, captures
from ground.provider_faults import ProviderFaults

COURIERS = 400
DRAIN_SECONDS = 120.0  # for the last orders of a part
WINDOW = 64  # orders in flight at full rate
TELL_SECONDS = 1.0
PATIENCE_SECONDS, LOOK_SECONDS = 30.0, 0.1


@dataclass(frozen=True)
class Stage:
    """A system, people who order there, and what is known of it from outside."""

    stack: Stack
    load: Load
    truth: Truth
    marks: Marks
    say: Say

    async def play(self, name: str, rate: float, seconds: float) -> Sequence[Placed]:
        """Orders at a rate, whatever the system does; -> those, when all have ended or patience has."""
        orders = await self.arrive(name, rate, seconds)
        await self.load.drain(DRAIN_SECONDS)
        return orders

    async def arrive(self, name: str, rate: float, seconds: float) -> Sequence[Placed]:
        """Orders at a rate; -> those, when the last one was begun."""
        return await self._arrive(name, seconds, arrivals.fixed(self.load, rate, seconds))

    async def full(self, seconds: float) -> float:
        """As many orders as it can; -> delivered a second."""
        orders = await self._arrive("full rate", seconds, arrivals.full(self.load, WINDOW, seconds))
        await self.load.drain(DRAIN_SECONDS)
        begin = orders[0].due
        return sum((order.delivered_at or 1e12) <= begin + seconds for order in orders) / seconds

    async def until(self, condition: Callable[[], bool], what: str) -> bool:
        """Ask, beside the load, until it is so; False when it is not in time."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (done := await self.do(condition)) and time.monotonic() < deadline:
            self.say(f"waiting for {what}")
            await asyncio.sleep(LOOK_SECONDS)
        return bool(done)

    async def do(self, work: Callable[[], Any]) -> Any:
        """Something that blocks, beside the load."""
        return await asyncio.to_thread(work)

    @asynccontextmanager
    async def faults(self, seconds: float, **faults: float) -> AsyncIterator[ProviderFaults]:
        """The provider's, for the length of a block, however it ends; by itself after so many seconds, too."""
        provider = self.stack.provider_faults
        try:
            await self.do(partial(provider.set, seconds=seconds, **faults))
            yield provider
        finally:
            await self.do(provider.heal)

    def violations(self) -> list[str]:
        """What is wrong with any order of the run."""
        kept = {order: [fact.version for fact in facts] for order, facts in self.truth.journal(self.marks).items()}
        return violations(self.load.orders, captures(self.stack.provider_log), kept, self.load.failures)

    async def _arrive(self, name: str, seconds: float, arriving: Coroutine[Any, Any, None]) -> Sequence[Placed]:
        first = len(self.load.orders)
        task, passed = asyncio.create_task(arriving), 0
        while not task.done():
            self.say(f"{name}: {passed} of {seconds:.0f} s, {self.load.in_flight} orders in flight")
            await asyncio.wait([task], timeout=TELL_SECONDS)
            passed += 1
        await task
        return self.load.orders[first:]


@asynccontextmanager
async def stage(stack: Stack, say: Say) -> AsyncIterator[Stage]:
    """Couriers on shift and customers at their sockets, for the length of a run."""
    truth = Truth(stack.database("verify"))
    load = Load(Target(stack.url, stack.jwt_secret, couriers=COURIERS))
    say("putting couriers on shift")
    await load.open()
    gc.freeze()
    gc.disable()  # its pauses would be counted as the system's
    try:
        yield Stage(stack, load, truth, truth.marks(), say)
    finally:
        gc.enable()
        await load.close()
        truth.close()
