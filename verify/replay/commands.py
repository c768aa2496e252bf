"""`./demae replay` and `./demae rebuild`: what a person can ask of the event store. Nothing live is written."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from api.order import Status
from replay import fold, keep, moment, rebuilding, show
from replay.errors import CannotLookError
from replay.journal import Journal, opened
from runtime import reach
from runtime.errors import Refusal

CANNOT_LOOK = 2  # exit code; 1 says that something is different
TELL_ORDERS = 100  # between two movements of the bar
console = Console(highlight=False, soft_wrap=True)
errors = Console(stderr=True, highlight=False, soft_wrap=True)

Json = Annotated[bool, typer.Option("--json", help="One JSON object, for programs.")]
Until = Annotated[str | None, typer.Option(metavar="TIME|VERSION", help=f"Only up to then: {moment.WORDS}.")]
Into = Annotated[str | None, typer.Option(metavar="TABLE", help="Keep what is made, as the new table rebuilt.TABLE.")]
LiveRate = Annotated[
    float | None, typer.Option(min=0.001, help="Orders/s to compare with; default: the journal's busiest minute.")
]


def replay(
    order: Annotated[str | None, typer.Option(help="One order's id; none: all orders, counted by status.")] = None,
    until: Until = None,
    as_json: Json = False,
) -> None:
    """Fold the journal's facts again: an order as it was at any moment, and how it came there.

    Nothing is decided again. Example: `demae replay --order ID --until 3`
    """
    with looking(), reach.database("verify") as url, opened(url) as journal:
        then = None if until is None else moment.read(until)
        same = tell_counts(journal, then, as_json) if order is None else tell_story(journal, order, then, as_json)
    raise typer.Exit(0 if same else 1)


def tell_story(journal: Journal, order: str, then: int | datetime | None, as_json: bool) -> bool:
    """One order; -> whether its facts make the journal's documents."""
    rows = journal.of(order_id(order))
    steps = list(fold.steps(fold.until(rows, then)))
    if not rows:
        raise CannotLookError(f"The journal has no order {order}: `./demae orders` lists the newest.")
    if not steps:
        raise CannotLookError(f"Order {order} was not there yet: it was placed at {rows[0].at.isoformat()}.")
    if as_json:
        print(msgspec.json.encode(show.told(steps)).decode())
    else:
        console.print(show.story(steps))
    return not any(step.wrong for step in steps)


def order_id(said: str) -> UUID:
    """Raises CannotLookError for what is no id."""
    try:
        return UUID(said)
    except ValueError:
        raise CannotLookError(f"{said} is no order's id: `./demae orders` lists the newest.") from None


def tell_counts(journal: Journal, then: int | datetime | None, as_json: bool) -> bool:
    """All orders by status; -> True: nothing is compared."""
    if isinstance(then, int):
        raise CannotLookError(f"Version {then} is one order's: say --order with it, or a time.")
    counted: Counter[Status] = Counter()
    for _, rows in journal.orders():
        if (status := fold.status(fold.until(rows, then))) is not Status.NONE:
            counted[status] += 1
    if as_json:
        print(json.dumps(counted))
    else:
        console.print(show.counts(counted, then))
    return True


def rebuild(into: Into = None, live_rate: LiveRate = None, as_json: Json = False) -> None:
    """Make the read model anew from the journal, beside the live one, and compare the two byte by byte.

    Works while the system runs, on one moment of the database. Exit code 0: the same; 1: different; 2: cannot look.
    """
    began = time.monotonic()
    with looking():
        found = compared(into)
    seconds, live = time.monotonic() - began, live_rate or found.live_rate
    if as_json:
        print(json.dumps(show.figures(found, seconds, live)))
    else:
        console.print(show.outcome(found, seconds, live))
    raise typer.Exit(1 if found.different else 0)


def compared(into: str | None) -> rebuilding.Outcome:
    """The whole comparison."""
    outcome = rebuilding.Outcome()
    with reach.database("verify") as url, opened(url) as journal, keeping(into) as keeper, bar(journal) as tell:
        made = rebuilding.kept(rebuilding.rebuilt(journal.orders(), outcome), keeper)
        return rebuilding.compare(made, journal.stored(), outcome, tell)


@contextmanager
def keeping(into: str | None) -> Iterator[keep.Keep]:
    """Where the rows go that are made. A table of one's own needs more rights than reading does."""
    if into is None:
        yield keep.nowhere
    else:
        with reach.database("postgres") as url, keep.table(url, into) as keeper:
            yield keeper


@contextmanager
def bar(journal: Journal) -> Iterator[rebuilding.Told]:
    """On a terminal; elsewhere nothing."""
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal) as progress:
        task = progress.add_task("orders", total=journal.count())
        yield lambda done: None if done % TELL_ORDERS else progress.update(task, completed=done)


@contextmanager
def looking() -> Iterator[None]:
    """What cannot be looked at is one sentence, and an exit code of its own."""
    try:
        yield
    except (Refusal, CannotLookError) as error:
        errors.print(str(error), style="red", markup=False)
        raise typer.Exit(CANNOT_LOOK) from error
