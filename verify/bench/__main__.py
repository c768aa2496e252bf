"""`python -m bench`: measure the running system; the last line is one JSON object. Exit 1 when a promise was broken."""

import asyncio
import dataclasses
import gc
import json
import time
from typing import Annotated

import typer
import uvloop
from rich.console import Console

from bench import arrivals, consuming, placing, report
from bench.consuming import ConsumingError
from bench.figures import ratio
from bench.http import HttpError
from bench.judge import violations
from bench.load import Load, LoadError, Target
from bench.phases import Bench
from bench.placing import PlacingError
from bench.processes import spent, usage
from bench.report import Idle, Result
from bench.scratch import scratch
from bench.stack import Stack, StackError, find
from bench.truth import Truth

IDLE_SECONDS = 10.0
WARM_SECONDS = 10.0
SHOWN = 10
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
console = Console(highlight=False, soft_wrap=True)


@app.command()
def main(
    seconds: Annotated[float, typer.Option(min=3, help="Length of each phase of load.")] = 60.0,
    rate: Annotated[float, typer.Option(min=1, help="Orders a second in the first phase, open loop.")] = 20.0,
    full_rate: Annotated[float, typer.Option(help="Orders a second in the second phase; 0: as many as it can.")] = 0.0,
    window: Annotated[int, typer.Option(min=1, help="Orders in flight at full rate.")] = 64,
    ratios: Annotated[bool, typer.Option(help="Compare with pgbench and a bare loop too (a minute more).")] = True,
) -> None:
    """Measure the running system: latency at a fixed rate, throughput and cost at full rate, memory, idle CPU.

    Every order of the run is checked: delivered, each version pushed once and in order, charged once.
    """
    try:
        stack = find()
        result = uvloop.run(measure(stack, seconds, rate, full_rate or None, window))
        if ratios:
            result = compared(stack, result)
    except (StackError, LoadError, HttpError, PlacingError, ConsumingError, ConnectionError) as error:
        console.print(f"The bench cannot run: {error}", style="red", markup=False)
        raise typer.Exit(1) from error
    console.print(report.tables(result))
    for violation in result.violations[:SHOWN]:
        console.print(violation, style="red", markup=False)
    print(json.dumps(report.figures(result)))
    raise typer.Exit(1 if result.violations else 0)


async def measure(stack: Stack, seconds: float, rate: float, full_rate: float | None, window: int) -> Result:
    """All phases and the verdict."""
    say = Progress()
    truth = Truth(stack.database("verify"), stack.provider_log)
    idle = await at_rest(stack, say)
    load = Load(Target(stack.url, stack.jwt_secret, couriers=max(100, 2 * window)))
    say("putting couriers on shift")
    await load.open()
    gc.freeze()
    gc.disable()  # its pauses would be counted as the system's
    marks = truth.marks()
    bench = Bench(load, truth, stack.pids, say)
    await bench.run("warming up", WARM_SECONDS, arrivals.fixed(load, rate, WARM_SECONDS))
    fixed = await bench.run(f"{rate:g} orders/s", seconds, arrivals.fixed(load, rate, seconds))
    if full_rate:
        full = await bench.run(f"{full_rate:g} orders/s", seconds, arrivals.fixed(load, full_rate, seconds))
    else:
        full = await bench.run("full rate", seconds, arrivals.full(load, window, seconds))
    gc.enable()
    journal = truth.journal(marks)
    versions = {order: [fact.version for fact in facts] for order, facts in journal.items()}
    found = violations(load.orders, truth.captures(), versions, load.failures)
    await load.close()
    truth.close()
    return Result(idle, fixed, full, journal, 0.0, 0.0, found)


def compared(stack: Stack, result: Result) -> Result:
    """The result with the two ratios, measured on the same server beside the resting system."""
    say = Progress()
    with scratch(stack) as made:
        placed = ratio(*placing.compare(made, say))
        consumed = ratio(*consuming.compare(made, say))
    return dataclasses.replace(result, place_vs_pgbench=placed, consumer_vs_bare=consumed)


async def at_rest(stack: Stack, say: "Progress") -> Idle:
    """CPU and memory before any load."""
    say(f"idle for {IDLE_SECONDS:.0f} s")
    before, begin = usage(stack.pids), time.monotonic()
    await asyncio.sleep(IDLE_SECONDS)
    elapsed = time.monotonic() - begin
    after = usage(stack.pids)
    return Idle({name: 100 * cpu / elapsed for name, cpu in spent(before, after).items()}, after.pss)


class Progress:
    """A line on a terminal, rewritten; elsewhere a line every ten seconds."""

    def __init__(self) -> None:
        self._last = 0.0

    def __call__(self, text: str) -> None:
        if console.is_terminal:
            print(f"\r\033[K{text}", end="", flush=True)
        elif time.monotonic() - self._last >= 10:
            self._last = time.monotonic()
            print(text, flush=True)


if __name__ == "__main__":
    app()
