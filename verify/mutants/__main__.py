"""`python -m mutants`: try to kill them all, on a system of their own. Exit 1 when one lives."""

import signal
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from ground.stack_local import local_stack
from mutants.catalogue import MUTANTS
from mutants.run import Caught, Theatre, by_provocation, settings

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
console = Console(highlight=False, soft_wrap=True)


@app.command()
def main(
    names: Annotated[list[str] | None, typer.Argument(help="Which; none: all of them.")] = None,
    show: Annotated[bool, typer.Option("--list", help="Only tell what there is.")] = False,
    keep: Annotated[Path | None, typer.Option(help="A folder for histories and the check's answers.")] = None,
) -> None:
    """What the design forbids, done on purpose: each mutant must be seen by the check, and a sound system must not."""
    if unknown := sorted(set(names or ()) - set(MUTANTS)):
        raise typer.BadParameter(f"there is no mutant {', '.join(unknown)}: see --list")
    if show:
        console.print(listed())
        return
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what was started ends with us
    with tempfile.TemporaryDirectory(prefix="demae-mutants-") as scratch:
        folder = (keep or Path(scratch)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        with local_stack(**settings(folder)) as stack:
            theatre = Theatre(stack, folder, lambda line: console.print(line, style="dim"))
            caught = [one for which in by_provocation(names or []).items() for one in theatre.kill(*which)]
    console.print(table(caught))
    raise typer.Exit(0 if all(one.killed for one in caught) else 1)


def listed() -> Table:
    """All that there are."""
    shown = Table("mutant", "what it does", "provoked by", "must be seen by", box=None, pad_edge=False)
    for name, mutant in MUTANTS.items():
        must = [f"{invariant}: {' … '.join(words)}" for invariant, words in mutant.caught_by.items()]
        shown.add_row(name, mutant.about, mutant.provocation, " or ".join(must))
    return shown


def table(caught: list[Caught]) -> Table:
    """What became of each."""
    shown = Table("mutant", "violated", "seconds", "the first that was seen of it", box=None, pad_edge=False)
    for one in caught:
        by, first = ", ".join(sorted(one.violated)), one.seen
        if not one.seen:
            others = "; ".join(f"{name}: {said[0]}" for name, said in one.violated.items())
            by, first = "it lives", others or "nothing"
        if one.sound:
            by, first = "false alarm", "; ".join(f"{name}: {said[0]}" for name, said in one.sound.items())
        shown.add_row(one.name, by, f"{one.seconds:.0f}", first)
    return shown


if __name__ == "__main__":
    app()
