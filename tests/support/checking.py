"""`demae check` on what a test has left of a running system."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from check.judge import NOT_CHECKED
from ground.stack import Stack

SECONDS = 120.0


def violations(stack: Stack, histories: Path, since: float) -> list[str]:
    """One sentence for each breach of I1 to I15 in the orders placed since, and for each that could not be judged.

    Waits until nothing moves.
    """
    moment = datetime.fromtimestamp(since, UTC).isoformat()
    words = ["--json", "--all-settled", "--quiet-first", "30", "--histories", str(histories), "--since", moment]
    told = subprocess.run(
        [sys.executable, "-m", "check", *words],
        env={**os.environ, **stack.person()},
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    if told.returncode not in (0, 1):
        return [f"check exited {told.returncode}: {told.stderr[-1000:]}"]
    return read(json.loads(told.stdout))


def read(found: dict[str, Any]) -> list[str]:
    """Of the check's JSON object."""
    told = [] if found["orders"] else ["no order was looked at"]
    for name, one in found["invariants"].items():
        told += [f"{name}: {breach['about']}: {breach['sentence']}" for breach in one["breaches"]]
        if one["verdict"] == NOT_CHECKED:
            told.append(f"{name}: {NOT_CHECKED}: {one['why']}")
    return told
