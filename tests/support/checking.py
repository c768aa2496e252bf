"""`demae check` on what a test has left of a running system."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from check.report import wrong
from ground.stack import Stack
from tests.support import programs

SECONDS = 120.0


def violations(stack: Stack, histories: Path, since: float) -> list[str]:
    """One sentence for each breach of I1 to I15 in the orders placed since, and for each that could not be judged.

    Waits until nothing moves.
    """
    moment = datetime.fromtimestamp(since, UTC).isoformat()
    words = ["--json", "--all-settled", "--quiet-first", "30", "--histories", str(histories), "--since", moment]
    told = programs.run(stack, "check", *words, seconds=SECONDS)
    if told.returncode not in (0, 1):
        return [f"check exited {told.returncode}: {told.stderr[-1000:]}"]
    return read(json.loads(told.stdout))


def read(found: dict[str, Any]) -> list[str]:
    """Of the check's JSON object."""
    told = [] if found["orders"] else ["no order was looked at"]
    return told + [f"{name}: {sentence}" for name, sentences in wrong(found).items() for sentence in sentences]
