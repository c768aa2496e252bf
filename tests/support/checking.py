"""`demae check` on what a test has left of a running system."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from ground.stack import Stack

SECONDS = 120.0


def violations(stack: Stack, histories: Path, since: float) -> list[str]:
    """One sentence for each breach of I1 to I15 in the orders placed since; waits until nothing moves."""
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
    found = json.loads(told.stdout)["invariants"]
    return [f"{name}: {one['about']}: {one['sentence']}" for name in found for one in found[name]["breaches"]]
