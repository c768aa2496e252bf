"""Which runtime: containers or local processes. Standard library only: asked before anything is installed.

RUNTIME=compose|local says it; else it is what the data was made by; else containers where an engine answers.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from containers.engine import Engine
from runtime.errors import Refusal
from runtime.layout import recall

COMPOSE, LOCAL = "compose", "local"


def choose(state: Path, environment: Mapping[str, str] = os.environ, engine: Engine | None = None) -> str:
    """For `make up`, which may begin a system. Raises Refusal: data is never left for an empty second system.

    Nor is it made in processes for a person who has an engine, and only may not use it.
    """
    wanted, before = forced(environment), remembered(state)
    if wanted and before and wanted != before:
        raise Refusal(
            f"The data in {state} was made with RUNTIME={before}, which is not switched.\n"
            f"Go on with it (make up), forget it (make clean), or begin beside it: DEMAE_STATE=/another/folder make up"
        )
    if before or wanted:
        return before or wanted
    return COMPOSE if (engine or Engine()).answers() else LOCAL


def remembered(state: Path) -> str:
    """What the data at `state` was made by; empty without data."""
    known = recall(state)
    # Systems of before there was a choice are local.
    return str(known.get("runtime") or (LOCAL if "places" in known else ""))


def forced(environment: Mapping[str, str] = os.environ) -> str:
    """RUNTIME; empty when it is not set."""
    said = environment.get("RUNTIME", "")
    if said not in ("", COMPOSE, LOCAL):
        raise Refusal(f"RUNTIME={said}: it must be {COMPOSE} or {LOCAL}.")
    return said


def nothing_here(lines: Iterable[str]) -> str:
    """For a person who has neither an engine nor what local processes need; `lines` say what those lack."""
    head = "demae runs in containers or as local processes, and can do neither here."
    engine = "  for containers  install Docker 25 or newer with its plug-in compose, and start it"
    return "\n".join([head, engine, *(f"  for processes   {line}" for line in lines)])
