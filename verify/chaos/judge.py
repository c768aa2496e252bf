"""`demae check` on all that a run has left: tables, topics, the provider's log, and what clients wrote down."""

import os
import subprocess
import sys
from collections.abc import Callable

from chaos.plan import Plan
from ground.stack import Stack

LIMIT_SECONDS = 600.0


def judged(stack: Stack, plan: Plan, say: Callable[[str], None]) -> list[str]:
    """What the check has found to be violated; its whole output is in check.txt."""
    say("checking everything")
    words = [sys.executable, "-m", "check", "--histories", str(plan.histories)]
    told = subprocess.run(
        words, env={**os.environ, **stack.person()}, capture_output=True, text=True, check=False, timeout=LIMIT_SECONDS
    )
    (plan.out / "check.txt").write_text(told.stdout + told.stderr)
    if told.returncode == 0:
        return []
    return [f"check exited {told.returncode}: {line}" for line in told.stdout.splitlines() if "violated" in line] or [
        f"check exited {told.returncode}: {told.stderr[-500:]}"
    ]
