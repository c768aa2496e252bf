"""`demae check` on all that a run has left: tables, topics, the provider's log, and what clients wrote down."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from chaos.plan import Plan
from ground.stack import Stack

LIMIT_SECONDS = 900.0


@dataclass(frozen=True)
class Judgement:
    """`words` is what became of each invariant, `violations` are sentences."""

    words: Mapping[str, str]
    violations: list[str]


def judged(stack: Stack, plan: Plan, say: Callable[[str], None]) -> Judgement:
    """The check's judgement; its whole answer is in check.json."""
    say("checking everything")
    words = [sys.executable, "-m", "check", "--all-settled", "--json", "--histories", str(plan.histories)]
    told = subprocess.run(
        words, env={**os.environ, **stack.person()}, capture_output=True, text=True, check=False, timeout=LIMIT_SECONDS
    )
    (plan.out / "check.json").write_text(told.stdout)
    try:
        found: dict[str, Any] = json.loads(told.stdout)
    except ValueError:
        return Judgement({}, [f"check exited {told.returncode}: {told.stderr[-1000:]}"])
    return read(found)


def read(found: Mapping[str, Any]) -> Judgement:
    """From the JSON object of `demae check --json`."""
    invariants: Mapping[str, Any] = found["invariants"]
    words = {
        name: f"{one['verdict']} {one['count'] or ''}{one['why'] or ''}".strip() for name, one in invariants.items()
    }
    told = [
        f"{name}: {breach['about']}: {breach['sentence']}"
        for name, one in invariants.items()
        for breach in one["breaches"]
    ]
    more = sum(one["count"] for one in invariants.values()) - len(told)
    return Judgement(words, told + ([f"check counts {more} more"] if more > 0 else []))
