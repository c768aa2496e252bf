"""What the processes of the stack said while a test failed: the last lines beside the failure, all in a folder."""

import re
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from ground import ownership
from ground.stack import Stack
from runtime.layout import ROOT

LINES = 30
KEPT = 10  # runs
FOLDER = ROOT / ".run" / "failed"


def sections(test: str, stack: Stack, ends: Mapping[str, float], folder: Path | None = None) -> list[tuple[str, str]]:
    """Headings and texts for the report: where whole logs are, and each process's lines since `ends`."""
    place = (folder or FOLDER) / f"{_began():%Y%m%d-%H%M%S}-{ownership.name()}" / re.sub(r"[^\w.-]+", "_", test)
    place.mkdir(parents=True, exist_ok=True)
    told = [("whole logs", str(place))]
    for process in stack.processes():
        (place / f"{process}.log").write_text(said(stack, process))
        lines = said(stack, process, ends.get(process, 0.0)).splitlines()[-LINES:]
        if lines:
            told.append((f"log of {process} since the test began", "\n".join(lines)))
    return told


def said(stack: Stack, process: str, since: float = 0.0) -> str:
    """A log, or why there is none: a failure must be told also when the engine is what failed."""
    try:
        return stack.logs(process, since)
    except Exception as error:  # whatever a client of an engine or a supervisor raises
        return f"(no log: {error!r})\n"


def forget_old(folder: Path = FOLDER) -> None:
    """Leaves the youngest runs."""
    for path in sorted(folder.glob("*"))[:-KEPT]:
        shutil.rmtree(path, ignore_errors=True)


def _began() -> datetime:
    return datetime.fromtimestamp(int(ownership.name().partition("-")[2]), UTC)
