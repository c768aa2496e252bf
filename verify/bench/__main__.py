"""`python -m bench`: measure the running system; the last line is one JSON object. Exit 1 when a promise was broken."""

import json
import time
from typing import Annotated

import typer
import uvloop
from rich.console import Console

from bench import report, run
from bench.consuming import ConsumingError
from bench.http import HttpError
from bench.load import LoadError
from bench.placing import PlacingError
from bench.report import Result
from bench.stack import StackError, find

SHOWN = 10
TELL_SECONDS = 10.0
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
console = Console(highlight=False, soft_wrap=True)


class Progress:
    """A line on a terminal, rewritten; elsewhere a line every ten seconds."""

    def __init__(self) -> None:
        self._last = -TELL_SECONDS

    def __call__(self, text: str) -> None:
        if console.is_terminal:
            print(f"\r\033[K{text}", end="", flush=True)
        elif time.monotonic() - self._last >= TELL_SECONDS:
            self._last = time.monotonic()
            print(text, flush=True)

    def end(self) -> None:
        """Clear the line."""
        if console.is_terminal:
            print("\r\033[K", end="", flush=True)


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
        result = measured(run.Plan(seconds, rate, full_rate or None, window), ratios)
    except (StackError, LoadError, HttpError, PlacingError, ConsumingError, ConnectionError) as error:
        console.print(f"The bench cannot run: {error}", style="red", markup=False)
        raise typer.Exit(1) from error
    console.print(report.tables(result))
    for violation in result.violations[:SHOWN]:
        console.print(violation, style="red", markup=False)
    print(json.dumps(report.figures(result)))
    raise typer.Exit(1 if result.violations else 0)


def measured(plan: run.Plan, ratios: bool) -> Result:
    """The whole run, with a line of progress."""
    say = Progress()
    stack = find(say)
    result = uvloop.run(run.measure(stack, plan, say))
    if ratios:
        result = run.compare(stack, result, say)
    say.end()
    return result


if __name__ == "__main__":
    app()
