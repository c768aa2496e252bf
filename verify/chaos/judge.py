"""`demae check` on all that a run has left: tables, topics, the provider's log, and what clients wrote down."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from typing import Any

from chaos.plan import Plan
from check.judge import NOT_CHECKED
from ground.stack import Stack

LIMIT_SECONDS = 900.0

Say = Callable[[str], None]


@dataclass(frozen=True)
class Judgement:
    """`words` is what became of each invariant, `violations` are sentences, `about` is whom they are about."""

    words: Mapping[str, str]
    violations: list[str]
    about: Sequence[str] = ()


def judged(stack: Stack, plan: Plan, say: Say) -> Judgement:
    """The check's judgement; its whole answer is in check.json."""
    told = _check(stack, plan, say, "--all-settled", "--json")
    (plan.out / "check.json").write_text(told.stdout)
    try:
        judgement = read(json.loads(told.stdout))
    except (ValueError, KeyError):
        judgement = Judgement({}, [])
    if not judgement.violations and (told.returncode or not judgement.words):
        return Judgement(judgement.words, [f"check exited {told.returncode}: {told.stderr[-1000:]}"])
    return judgement


def look_back(stack: Stack, plan: Plan, say: Say, orders: Iterable[str]) -> None:
    """All that is known of these orders, in one line of time each: the system is gone afterwards."""
    (plan.out / "orders").mkdir(exist_ok=True)
    for order in orders:
        (plan.out / "orders" / f"{order}.txt").write_text(_check(stack, plan, say, "--order", order).stdout)


def _check(stack: Stack, plan: Plan, say: Say, *options: str) -> "subprocess.CompletedProcess[str]":
    """Until it has ended, telling how long that takes."""
    words = [sys.executable, "-m", "check", "--histories", str(plan.histories), *options]
    environment = {**os.environ, **stack.person(), "COLUMNS": "200"}
    with ThreadPoolExecutor(1) as beside:
        run = partial(subprocess.run, capture_output=True, text=True, check=False, timeout=LIMIT_SECONDS)
        told, seconds = beside.submit(run, words, env=environment), 0
        while not told.done():
            say(f"checking everything: {seconds} s")
            wait([told], timeout=1.0)
            seconds += 1
        return told.result()


def read(found: Mapping[str, Any]) -> Judgement:
    """From the JSON object of `demae check --json`. What was not looked at is a violation of its own."""
    invariants: Mapping[str, Any] = found["invariants"]
    words = {
        name: f"{one['verdict']} {one['count'] or ''}{one['why'] or ''}".strip() for name, one in invariants.items()
    }
    breaches = [(name, breach) for name, one in invariants.items() for breach in one["breaches"]]
    told = [f"{name}: {breach['about']}: {breach['sentence']}" for name, breach in breaches]
    if (more := sum(one["count"] for one in invariants.values()) - len(told)) > 0:
        told.append(f"check counts {more} more")
    told += [
        f"{name} was not checked: {one['why']}" for name, one in invariants.items() if one["verdict"] == NOT_CHECKED
    ]
    return Judgement(words, told, [breach["about"] for _, breach in breaches])
