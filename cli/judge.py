"""`demae check`: the judge is a program of its own, verify/check, with options of its own."""

import importlib.util
import os
import sys
from typing import Annotated, Any

import typer

from cli.errors import CommandError

OPTIONS: dict[str, Any] = {"add_help_option": False, "context_settings": {"ignore_unknown_options": True}}
"""For whoever makes a command of `check`: what follows it, --help too, is the judge's."""


def check(options: Annotated[list[str] | None, typer.Argument(help="See --help.")] = None) -> None:
    """Judge the running system from outside: histories, provider's log, topics and tables against I1 to I15.

    Example: `demae check --order ORDER` tells all that is known about one order, in one line of time
    """
    if importlib.util.find_spec("check") is None:
        raise CommandError("There is no judge here: verify/check is gone.")
    os.execv(sys.executable, [sys.executable, "-m", "check", *(options or [])])  # noqa: S606 - our own program
