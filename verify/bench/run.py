"""One run against a running system: at rest, at a fixed rate, at full rate, and the verdict."""

import asyncio
import dataclasses
import gc
import time
from dataclasses import dataclass

from bench import arrivals, consuming, placing
from bench.judge import violations
from bench.load import Load, Target
from bench.phases import Bench, Phase, Say
from bench.processes import spent, usage
from bench.report import Idle, Result
from bench.scratch import scratch
from bench.stack import Stack
from bench.truth import Truth, captures

REST_SECONDS = 10.0  # of looking at the idle system, and of warming up; less in a short run


@dataclass(frozen=True)
class Plan:
    """`seconds` for each phase; `full_rate` None: as many orders as `window` in flight let through."""

    seconds: float
    rate: float
    full_rate: float | None
    window: int

    @property
    def rest(self) -> float:
        """Seconds of the phases that are not reported."""
        return min(self.seconds, REST_SECONDS)


async def measure(stack: Stack, plan: Plan, say: Say) -> Result:
    """All phases and the verdict. Raises LoadError, HttpError or ConnectionError when the load cannot begin."""
    idle = await at_rest(stack, plan.rest, say)
    truth = Truth(stack.database("verify"))
    load = Load(Target(stack.url, stack.jwt_secret, couriers=max(100, 2 * plan.window)))
    say("putting couriers on shift")
    await load.open()
    marks = truth.marks()
    fixed, full = await phases(Bench(load, truth, stack.pids, say), load, plan)
    journal = truth.journal(marks)
    versions = {order: [fact.version for fact in facts] for order, facts in journal.items()}
    found = violations(load.orders, captures(stack.provider_log), versions, load.failures)
    await load.close()
    truth.close()
    return Result(idle, fixed, full, journal, found)


async def phases(bench: Bench, load: Load, plan: Plan) -> tuple[Phase, Phase]:
    """Warm up, then the fixed rate, then the full one."""
    gc.freeze()
    gc.disable()  # its pauses would be counted as the system's
    await bench.run("warming up", plan.rest, arrivals.fixed(load, plan.rate, plan.rest))
    fixed = await bench.run(f"{plan.rate:g} orders/s", plan.seconds, arrivals.fixed(load, plan.rate, plan.seconds))
    if plan.full_rate is None:
        name, arriving = "full rate", arrivals.full(load, plan.window, plan.seconds)
    else:
        name, arriving = f"{plan.full_rate:g} orders/s", arrivals.fixed(load, plan.full_rate, plan.seconds)
    full = await bench.run(name, plan.seconds, arriving)
    gc.enable()
    return fixed, full


async def at_rest(stack: Stack, seconds: float, say: Say) -> Idle:
    """CPU and memory before any load."""
    say(f"idle for {seconds:.0f} s")
    before, begin = usage(stack.pids), time.monotonic()
    await asyncio.sleep(seconds)
    elapsed = time.monotonic() - begin
    after = usage(stack.pids)
    return Idle({name: 100 * cpu / elapsed for name, cpu in spent(before, after).items()}, after.pss)


def compare(stack: Stack, result: Result, say: Say) -> Result:
    """The result with the two ratios, measured on the same server beside the resting system."""
    with scratch(stack) as made:
        placed, consumed = placing.compare(made, say), consuming.compare(made, say)
    return dataclasses.replace(result, place_vs_pgbench=placed, consumer_vs_bare=consumed)
