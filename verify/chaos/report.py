"""What a run came to: tables for people, one JSON object for programs, and files for who looks closer."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Group
from rich.table import Table

from bench.figures import percentile
from chaos.judge import Judgement
from chaos.plan import Plan
from chaos.plot import svg
from chaos.run import Played
from chaos.stories import Story
from chaos.verdict import Met, alone

PARTS = {"service": ("api-http", "api-projector", "payment", "delivery", "restaurant", "notifier", "keeper", "edge")}
NAMES = ("service", "connect", "postgres", "kafka", "slot", "provider")


def figures(played: Played, violations: int) -> dict[str, Any]:
    """The last line. Recovery times are those of faults that nothing else lay in."""
    times = {group: percentile(seconds, 99) for group, seconds in _groups(recoveries(played.met, True)).items()}
    return {
        "orders": len(played.stories),
        "faults": len(played.met),
        "violations": violations,
        "recovery_p99_s": {name: round(times[name], 2) for name in NAMES if name in times},
    }


def recoveries(met: Sequence[Met], lone: bool) -> dict[str, list[float]]:
    """Part → seconds, of faults alone or of overlapping ones."""
    found: dict[str, list[float]] = {}
    for one in met:
        if one.seconds is not None and alone(one, met) is lone:
            found.setdefault(one.part, []).append(one.seconds)
    return found


def _groups(parts: Mapping[str, Sequence[float]]) -> dict[str, list[float]]:
    names = {part: group for group, members in PARTS.items() for part in members}
    found: dict[str, list[float]] = {}
    for part, seconds in parts.items():
        found.setdefault(names.get(part, part), []).extend(seconds)
    return found


def tables(played: Played, judgement: Judgement) -> Group:
    """What a person reads."""
    return Group(orders(played), "", faults(played), "", recovery(played), "", invariants(judgement))


def invariants(judgement: Judgement) -> Table:
    """What the check says."""
    table = Table("invariant", "check", box=None, pad_edge=False)
    for name, word in judgement.words.items():
        table.add_row(name, word)
    return table


def orders(played: Played) -> Table:
    """How the orders ended, by journey."""
    table = Table("journey", "orders", "ended", box=None, pad_edge=False)
    for journey in sorted({story.wish.journey for story in played.stories}):
        _row(table, journey, [story for story in played.stories if story.wish.journey == journey])
    _row(table, "all", played.stories)
    return table


def _row(table: Table, name: str, stories: Sequence[Story]) -> None:
    counts = Counter(story.ending.lower() or "open" for story in stories)
    told = ", ".join(f"{ending} {count}" for ending, count in counts.most_common())
    table.add_row(name, str(len(stories)), told)


def faults(played: Played) -> Table:
    """How often each kind was done, and to what."""
    table = Table("fault", "done", "of", box=None, pad_edge=False)
    for kind in sorted({one.done.fault.kind for one in played.met}):
        mine = [one.done for one in played.met if one.done.fault.kind == kind]
        parts = Counter(done.fault.detail or done.fault.part for done in mine)
        table.add_row(kind, str(len(mine)), ", ".join(f"{part} {n}" if n > 1 else part for part, n in parts.items()))
        for failed in (done for done in mine if done.failed):
            table.add_row("", "", f"not done: {failed.fault}: {failed.failed}")
    return table


def recovery(played: Played) -> Table:
    """Seconds from the end of a fault until the part did its work again: see probe.py."""
    table = Table("works again after", "faults", "p50, s", "p99", "max", "overlapping", "max", box=None, pad_edge=False)
    lone, mixed = recoveries(played.met, True), recoveries(played.met, False)
    for part in sorted({*lone, *mixed}):
        mine, others = lone.get(part, []), mixed.get(part, [])
        told = [f"{percentile(mine, p):.1f}" if mine else "" for p in (50, 99, 100)]
        table.add_row(part, str(len(mine)), *told, str(len(others) or ""), f"{max(others):.1f}" if others else "")
    return table


def write(plan: Plan, played: Played, violations: Sequence[str]) -> None:
    """Everything into the folder of results."""
    last = figures(played, len(violations))
    done = [
        {
            **asdict(one.done),
            "fault": asdict(one.done.fault),
            "recovered": one.recovered,
            "alone": alone(one, played.met),
        }
        for one in played.met
    ]
    told = {"seed": plan.seed, "minutes": plan.minutes, "rate": plan.rate, **last, "violated": violations, "met": done}
    (plan.out / "result.json").write_text(json.dumps(told, indent=1))
    placed = [story.began - played.began for story in played.stories]
    ended = [story.ended - played.began for story in played.stories if story.ended]
    marks = [(one.done.began - played.began, one.over - played.began, str(one.done.fault)) for one in played.met]
    (plan.out / "orders.svg").write_text(svg(placed, ended, marks, played.ended - played.began))
