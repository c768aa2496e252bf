"""`python -m tour`: play the stories one after the other; exit 0 when each ended as it must."""

import asyncio
import sys
import time
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli import render
from cli.errors import CommandError
from cli.processes import Runtime, find
from cli.runtime import here
from cli.session import explain, speak_as
from cli.tokens import Role
from demae_client import DemaeError, Order
from tour.stage import SECONDS, Played, Stage, StoryError, elapsed, ending, gaps
from tour.stories import COURIERS, STORIES, Story

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
console = Console(highlight=False, soft_wrap=True)
SIGNS = {True: Text("✓", "bold green"), False: Text("✗", "bold red")}


class Telling:
    """Prints the story's lines, with a spinner below them while the order is under way."""

    def say(self, text: str) -> None:
        """What somebody does now."""
        console.print(Text(f"  ▸ {text}", "cyan"))

    def show(self, order: Order, seen: int) -> None:
        """The version's lines of the timeline, and what can be done about the trouble it tells of."""
        for line in (*render.history(order, seen), *render.trouble(order)):
            console.print(Text("  ").append_text(line))


@app.command()
def main(
    only: Annotated[int | None, typer.Option(min=1, max=len(STORIES), help="Play this story alone.")] = None,
) -> None:
    """Eight ways an order can go, on the running system, each with its live timeline and the ending it must have."""
    chosen = [(number, story) for number, story in enumerate(STORIES, 1) if only in (None, number)]
    try:
        machines = here()
        for part in ("payment", "provider"):
            find(machines, part)
        played = asyncio.run(tour(chosen, machines))
    except CommandError as problem:
        Console(stderr=True, highlight=False, soft_wrap=True).print(Text(str(problem), "red"))
        sys.exit(problem.exit_code)
    except DemaeError as problem:
        Console(stderr=True, highlight=False, soft_wrap=True).print(Text(explain(problem), "red"))
        sys.exit(1)
    console.print(table(played))
    right = sum(not one.fault for one in played)
    console.print(f"{right} of {len(played)} as they must be, {sum(one.seconds for one in played):.0f} s.")
    sys.exit(0 if right == len(played) else 1)


async def tour(chosen: list[tuple[int, Story]], machines: Runtime) -> list[Played]:
    """Couriers on shift, then the stories."""
    for courier in COURIERS:
        async with speak_as(courier, Role.COURIER) as client:
            await client.start_shift()
    return [await play(number, story, Stage(speak_as, machines, Telling())) for number, story in chosen]


async def play(number: int, story: Story, stage: Stage) -> Played:
    """One story, whatever becomes of it."""
    console.print(f"\n[bold]{number}  {story.title}[/]\n   [dim]{story.lesson}[/]")
    began, real, fault = time.monotonic(), "", ""
    try:
        with console.status("[dim]the order is under way[/]"):
            async with asyncio.timeout(SECONDS):
                await story.play(stage)
                last = await stage.ending()
        real = str(ending(last))
        fault = gaps(stage.versions) if ending(last) in story.endings else "another ending"
    except TimeoutError:
        fault = f"not over after {SECONDS:.0f} s: {stage.reached}"
    except (StoryError, CommandError) as problem:
        fault = str(problem)
    except DemaeError as problem:
        fault = explain(problem)
    await stage.leave()
    played = Played(story.title, " or ".join(str(one) for one in story.endings), real, elapsed(began), fault)
    console.print(SIGNS[not fault], Text(f"must be: {played.expected}\n  is:      {real or fault}"))
    return played


def table(played: list[Played]) -> Table:
    """What must be beside what is."""
    shown = Table("", "story", "must be", "is", "s", box=None, pad_edge=False)
    for one in played:
        is_ = f"{one.real} {one.fault}".strip()
        shown.add_row(SIGNS[not one.fault], one.title, one.expected, is_, f"{one.seconds:.1f}")
    return shown


if __name__ == "__main__":
    app()
