"""`python -m check`: judge the running system from outside. Exit 0: sound, 1: something is violated, 2: cannot look."""

import json
import tempfile
import time
import traceback
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Annotated
from uuid import UUID

import psycopg
import typer
from rich.console import Console
from rich.table import Table

from check import clients, judge, look, machine, quiet, report, topics, where
from check.case import Case
from check.rules import stock
from check.tables import Range
from runtime.errors import Refusal

BLIND = 2
EXPECTED = (Refusal, psycopg.Error, OSError, topics.Unreachable, clients.Unreadable, look.Standstill)
TELL_SECONDS = 10.0
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
console = Console(highlight=False, soft_wrap=True)


class Progress:
    """A line on standard error: rewritten on a terminal, elsewhere one every ten seconds."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._last = time.monotonic()

    def __call__(self, text: str) -> None:
        if self._console.is_terminal:
            self._console.file.write(f"\r\033[K{text}")
            self._console.file.flush()
        elif time.monotonic() - self._last >= TELL_SECONDS:
            self._last = time.monotonic()
            self._console.print(text, markup=False)

    def end(self) -> None:
        """Clears the line."""
        if self._console.is_terminal:
            self._console.file.write("\r\033[K")


@app.command()
def main(  # noqa: PLR0913, PLR0917 - a command's options
    histories: Annotated[list[Path] | None, typer.Option(exists=True, help="Client histories: files, folders.")] = None,
    since: Annotated[
        str, typer.Option(help="Only orders placed since then: ISO 8601, such as 2026-11-25T10:00Z.")
    ] = "",
    order: Annotated[
        str, typer.Option(help="Only this order, with all that is known about it in one line of time.")
    ] = "",
    quiet_first: Annotated[float, typer.Option(min=0, help="Wait up to so many seconds until nothing moves.")] = 0.0,
    all_settled: Annotated[
        bool, typer.Option("--all-settled", help="An order still open is a violation of I2.")
    ] = False,
    late: Annotated[
        float, typer.Option(min=0, help="Seconds in which an open stream must show a version (I8).")
    ] = 60.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    folder: Annotated[Path | None, typer.Option(help="Where to sort; default: the system's temporary folder.")] = None,
) -> None:
    """Judge the running system from outside: client histories, provider's log, topics and tables against I1 to I15."""
    wanted = look.Wanted(
        _range(since, order), _time(since) or _placed(order), tuple(histories or ()), all_settled, late
    )
    say = Progress()
    try:
        with where.find() as place, tempfile.TemporaryDirectory(prefix="demae-check-", dir=folder) as scratch:
            moving = quiet.wait(place, quiet_first, say) if quiet_first else ""
            evidence = look.look(place, wanted, Path(scratch), say)
            found = replace(_judged(evidence, wanted, say), moving=moving)
            lines = _order(evidence) if order and not as_json else []
    except Exception as error:  # whatever it is: 1 would say that something is violated
        say.end()
        if not isinstance(error, EXPECTED):
            traceback.print_exc()
        Console(stderr=True, soft_wrap=True).print(f"check cannot look: {error}", style="red", markup=False)
        raise typer.Exit(BLIND) from error
    say.end()
    if as_json:
        print(json.dumps(report.figures(found, evidence.world)))
    else:
        console.print(*lines, report.table(found, evidence.world), sep="\n\n")
    raise typer.Exit(0 if found.sound else 1)


def _judged(evidence: look.Evidence, wanted: look.Wanted, say: Progress) -> judge.Judgement:
    evidence.world.wanted = wanted.ids
    shelf = stock.Shelf(stock.planted()) if wanted.ids.everything else None
    return judge.judge(evidence.spill, evidence.world, shelf, say)


def _range(since: str, order: str) -> Range:
    """Ids are UUIDv7: the first 48 bits are the milliseconds of placing."""
    if order:
        return Range(_id(order), _id(order))
    moment = _time(since)
    if not moment:
        return Range()
    digits = f"{int(moment * 1000):012x}"
    return Range(since=f"{digits[:8]}-{digits[8:]}-0000-0000-000000000000")


def _id(order: str) -> str:
    try:
        return str(UUID(order))
    except ValueError as error:
        raise typer.BadParameter(f"{order} is no order's id") from error


def _placed(order: str) -> float:
    """When the order was placed, as its id says; 0 for none."""
    return int(_id(order).replace("-", "")[:12], 16) / 1000 if order else 0.0


def _time(text: str) -> float:
    """Seconds since the epoch; 0 for nothing. A time without a zone is of this machine's."""
    try:
        return datetime.fromisoformat(text).timestamp() if text else 0.0
    except ValueError as error:
        raise typer.BadParameter(f"{text} is no time, such as 2026-11-25T10:00Z") from error


def _order(evidence: look.Evidence) -> list[Table]:
    """The time machine of the one order that was looked at."""
    cases = [Case.of(space, name, lines) for space, name, lines in evidence.spill.cases() if space == "order"]
    return [table for case in cases for table in (machine.history(case), machine.state(case))]


if __name__ == "__main__":
    app()
