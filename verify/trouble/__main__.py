"""`python -m trouble`: make trouble in the running system, and measure those it does not concern.

The last line is one JSON object. Exit 1 when a promise was broken: an order lost, charged twice, not seen whole; others
held up for longer than the limits.
"""

import json
from dataclasses import replace
from typing import Annotated

import typer
import uvloop
from rich.console import Console

from bench.__main__ import Progress
from bench.http import HttpError
from bench.load import LoadError
from bench.phases import Say
from bench.stack import Stack, StackError, find
from trouble import poison, provider, report, verdict
from trouble.report import Result
from trouble.stage import Stage, stage

SHOWN = 10
EXPERIMENTS = ("unavailable", "hanging", "poison")
REST_SECONDS = 10.0  # of warming up; less in a short run
FULL_SECONDS = 20.0  # to find out what half of the full rate is; less in a short run
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
console = Console(highlight=False, soft_wrap=True)


@app.command()
def main(
    seconds: Annotated[float, typer.Option(min=3, help="Of the outage, and of each half of a comparison.")] = 60.0,
    rate: Annotated[float, typer.Option(min=1, help="Orders a second while the provider is in trouble.")] = 20.0,
    half_rate: Annotated[float, typer.Option(help="Orders a second beside poison; 0: half of what it can.")] = 0.0,
    only: Annotated[str, typer.Option(help="Some of unavailable, hanging, poison, with commas.")] = "",
    limits: Annotated[bool, typer.Option(help="Judge how long others were held up, too.")] = True,
) -> None:
    """Make trouble in the running system: the provider refuses, some calls hang, some events cannot be read.

    Every order of the run is checked: delivered, each version pushed once and in order, charged once.
    """
    wanted = only.split(",") if only else list(EXPERIMENTS)
    if strange := set(wanted) - set(EXPERIMENTS):
        raise typer.BadParameter(f"no experiment is called {', '.join(sorted(strange))}", param_hint="--only")
    say = Progress()
    try:
        result = uvloop.run(run(find(say), wanted, (rate, half_rate, seconds), say))
    except (StackError, LoadError, HttpError, OSError) as error:
        console.print(f"The trouble cannot be made: {error}", style="red", markup=False)
        raise typer.Exit(1) from error
    say.end()
    if limits:
        result = replace(result, violations=[*result.violations, *verdict.beyond(result)])
    console.print(report.tables(result))
    for violation in result.violations[:SHOWN]:
        console.print(violation, style="red", markup=False)
    print(json.dumps(report.figures(result)))
    raise typer.Exit(1 if result.violations else 0)


async def run(stack: Stack, wanted: list[str], load: tuple[float, float, float], say: Say) -> Result:
    """The experiments one after the other, and the verdict over all of their orders."""
    rate, half_rate, seconds = load
    async with stage(stack, say) as here:
        await here.play("warming up", rate, min(seconds, REST_SECONDS))
        outage = await provider.unavailable(here, rate, seconds) if "unavailable" in wanted else None
        silence = await provider.hanging(here, rate, seconds) if "hanging" in wanted else None
        poisoned = (
            await poison.poison(here, await half(here, half_rate, seconds), seconds) if "poison" in wanted else None
        )
        found = here.violations() + (verdict.faults(poisoned[1]) if poisoned else [])
    return Result(outage, silence, poisoned, found)


async def half(here: Stage, given: float, seconds: float) -> float:
    """The rate that was asked for, or half of what the system can do now."""
    return given or await here.full(min(seconds, FULL_SECONDS)) / 2


if __name__ == "__main__":
    app()
