"""One phase of load, and everything measured about it."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from bench.load import Load
from bench.orders import Placed
from bench.processes import machine_seconds, spent, usage
from bench.truth import Truth, written

DRAIN_SECONDS = 60.0
WINDOW_SECONDS = 1.0  # how often in-flight orders are counted

Say = Callable[[str], None]


@dataclass(frozen=True)
class Phase:
    """`seconds` from the first arrival to the last; CPU and events are of the drain behind them too (`elapsed`)."""

    name: str
    seconds: float
    elapsed: float
    orders: Sequence[Placed]
    cpu: Mapping[str, float]
    load_cpu: float
    in_flight: Sequence[int]
    events: int
    others: float = 0.0
    """CPU seconds of work on the machine that is neither the system's nor the load's: it spoils a run."""

    @property
    def delivered_per_s(self) -> float:
        """Orders that reached DELIVERED while orders arrived, a second."""
        begin = self.orders[0].due if self.orders else 0.0
        ended = [at for at in (order.delivered_at for order in self.orders) if at is not None]
        return sum(at <= begin + self.seconds for at in ended) / self.seconds

    @property
    def backlog_grew(self) -> bool:
        """More orders in flight in the last third than in the second, by more than a fifth and ten orders."""
        third = len(self.in_flight) // 3
        if not third:
            return False
        middle, last = self.in_flight[third : 2 * third], self.in_flight[-third:]
        return sum(last) / third > 1.2 * sum(middle) / third + 10


class Bench:
    """Runs phases one after the other on one load."""

    def __init__(self, load: Load, truth: Truth, roots: Mapping[str, int], say: Say) -> None:
        self._load = load
        self._truth = truth
        self._roots = roots
        self._say = say

    async def run(self, name: str, seconds: float, arrivals: Awaitable[None]) -> Phase:
        """Let the arrivals happen, wait for the last order's end, and say what it took."""
        first, marks = len(self._load.orders), self._truth.marks()
        before, own, begin = usage(self._roots, memory=False), time.process_time(), time.time()
        busy = machine_seconds()
        counted = await self._watched(name, seconds, arrivals)
        await self._load.drain(DRAIN_SECONDS)
        elapsed = time.time() - begin
        load_cpu = time.process_time() - own
        cpu = spent(before, usage(self._roots, memory=False))
        others = max(0.0, machine_seconds() - busy - load_cpu - sum(cpu.values()))
        events = written(marks, self._truth.marks())
        return Phase(name, seconds, elapsed, self._load.orders[first:], cpu, load_cpu, counted, events, others)

    async def _watched(self, name: str, seconds: float, arrivals: Awaitable[None]) -> list[int]:
        """The orders in flight, second by second, until the arrivals are over."""
        arriving = asyncio.ensure_future(arrivals)
        counted: list[int] = []
        while not arriving.done():
            await asyncio.wait([arriving], timeout=WINDOW_SECONDS)
            counted.append(self._load.in_flight)
            self._say(f"{name}: {len(counted)} of {seconds:.0f} s, {self._load.in_flight} orders in flight")
        await arriving
        return counted
