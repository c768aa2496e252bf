"""Programs of their own among the commands: what follows their name, --help too, is theirs."""

import importlib.util
import os
import sys
from collections.abc import Sequence
from typing import Annotated, NoReturn

import typer

from cli.configuration import configuration
from cli.errors import CommandError
from cli.terminal import PLAY, RUN, TALK

Words = Annotated[list[str] | None, typer.Argument(metavar="[OPTIONS]", help="See --help.")]
THEIRS = {"ignore_unknown_options": True}

app = typer.Typer()


@app.command(rich_help_panel=PLAY, add_help_option=False, context_settings=THEIRS)
def actors(options: Words = None) -> None:
    """Let customers, kitchens and couriers play a town, until a number of orders has ended.

    Example: `demae actors --orders 1000 --rate 20`
    """
    configuration()
    become("actors", "demo/actors", options or [])


@app.command(rich_help_panel=PLAY, add_help_option=False, context_settings=THEIRS)
def demo(options: Words = None) -> None:
    """Play eight ways an order can go, each live, with the ending it must have beside the real one."""
    configuration()
    become("tour", "demo/tour", options or [])


@app.command(rich_help_panel=TALK, add_help_option=False, context_settings=THEIRS)
def replay(options: Words = None) -> None:
    """Fold the journal's facts again: an order as it was at any moment, and how it came there.

    Example: `demae replay --order ORDER --until 3`
    """
    become("replay", "verify/replay", ["order", *(options or [])])


@app.command(rich_help_panel=RUN, add_help_option=False, context_settings=THEIRS)
def rebuild(options: Words = None) -> None:
    """Make the read model anew from the journal, beside the live one, and compare them byte by byte."""
    become("replay", "verify/replay", ["rebuild", *(options or [])])


@app.command(rich_help_panel=RUN, add_help_option=False, context_settings=THEIRS)
def check(options: Words = None) -> None:
    """Judge the running system from outside: histories, provider's log, topics and tables against I1 to I15.

    Example: `demae check --order ORDER` tells all that is known about one order, in one line of time
    """
    become("check", "verify/check", options or [])


def become(module: str, folder: str, words: Sequence[str]) -> NoReturn:
    """Ends this program and begins that one, in the same process."""
    if importlib.util.find_spec(module) is None:
        raise CommandError(f"There is no {module} here: {folder} is gone.")
    os.execv(sys.executable, [sys.executable, "-m", module, *words])  # noqa: S606 - our own program
