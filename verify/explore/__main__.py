"""`python -m explore`: random walks, and hypothesis's stories, until so many steps are done; every run is judged.

The last line is one JSON object {steps, runs, violations}. Exit 1 when a promise was broken.
"""

import json
import random
import time
from collections.abc import Iterator
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from explore import machine
from explore.sweep import Sweep
from explore.sweep import sweep as judged

WALKS = 50  # between two lines of progress
STORIES = 200
TELL_SECONDS = 10.0
SHARE = 0.5  # of the steps that are hypothesis's
SHOWN = 10

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
    steps: Annotated[int, typer.Option(min=1, help="At least so many moves in all.")] = 200_000,
    seed: Annotated[int | None, typer.Option(help="Where to begin; else anywhere.")] = None,
) -> None:
    """Search random moves of all services' rules for a run that breaks a promise."""
    start = random.randrange(10**6) if seed is None else seed
    console.print(f"seed {start}")
    walks, stories, failures = Sweep(), Sweep(), list[str]()
    say = Progress()
    for kind, one, failure in rounds(start):
        (walks if kind == "walks" else stories).merge(one)
        failures += [failure] if failure else []
        done = walks.steps + stories.steps
        say(f"{done:,} of {steps:,} steps, {walks.runs + stories.runs:,} runs, {len(failures)} stories that went wrong")
        if done >= steps:
            break
    say.end()
    raise typer.Exit(report(walks, stories, failures))


def rounds(start: int) -> Iterator[tuple[str, Sweep, str]]:
    """Without end: walks, and stories to keep up with them; each with the story that went wrong, if one did."""
    walked = told = number = 0
    while True:
        if told >= SHARE * (told + walked):
            one, kind, failure = judged(range(start + number * WALKS, start + (number + 1) * WALKS)), "walks", ""
            walked += one.steps
        else:
            kind, (one, failure) = "stories", _stories(start + number)
            told += one.steps
        number += 1
        yield kind, one, failure


def _stories(seed: int) -> tuple[Sweep, str]:
    """-> what came of them, and the shortest that went wrong."""
    told = Sweep()
    try:
        machine.tell(told, seed, STORIES)
    except Exception as error:
        return told, "\n".join([f"stories of seed {seed}: {type(error).__name__}: {error}", *notes(error)])
    return told, ""


def notes(error: BaseException) -> list[str]:
    """What hypothesis says of the shortest story."""
    return list(getattr(error, "__notes__", []))


def report(walks: Sweep, stories: Sweep, failures: list[str]) -> int:
    """Prints what was found; -> the exit code."""
    endings = walks.endings + stories.endings
    table = Table("how orders ended", "walks", "stories")
    for name, _ in endings.most_common():
        table.add_row(name, f"{walks.endings[name]:,}", f"{stories.endings[name]:,}")
    console.print(table)
    for what, times in walks.violations.most_common(SHOWN):
        console.print(
            f"{what}: {times} times, first in the walk of seed {walks.seeds[what]}", style="red", markup=False
        )
    for failure in failures[:SHOWN]:
        console.print(failure, style="red", markup=False)
    violations = walks.violations.total() + len(failures)
    runs = walks.runs + stories.runs
    print(json.dumps({"steps": walks.steps + stories.steps, "runs": runs, "violations": violations}))
    return 1 if violations else 0


if __name__ == "__main__":
    app()
