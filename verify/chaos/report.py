"""What a run came to: tables for people, one JSON object for programs, and files for who looks closer."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from operator import attrgetter
from typing import Any

from rich.console import Group
from rich.table import Table

from bench.figures import percentile
from chaos.judge import Judgement
from chaos.plan import Plan
from chaos.plot import svg
from chaos.run import Played
from chaos.stories import Story
from chaos.verdict import GROUPS, Met, alone, p99, recoveries


def figures(played: Played, violations: int) -> dict[str, Any]:
    """The last line. p99 is of faults that nothing else disturbed; `recovery` tells of how many, and of the others."""
    own, mixed = recoveries(played.met, True), recoveries(played.met, False)
    return {
        "orders": len(played.stories),
        "faults": len(played.met),
        "violations": violations,
        "recovery_p99_s": {group: round(p99(own[group]), 2) for group in GROUPS if group in own},
        "recovery": {
            group: {"alone": len(own.get(group, ())), **_overlapping(mixed.get(group, ()))}
            for group in GROUPS
            if group in {*own, *mixed}
        },
    }


def _overlapping(met: Sequence[Met]) -> dict[str, float]:
    longest = {"overlapping_max_s": round(max(one.seconds or 0.0 for one in met), 2)} if met else {}
    return {"overlapping": len(met), **longest}


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
    own, mixed = _by_part(played.met, True), _by_part(played.met, False)
    for part in sorted({*own, *mixed}):
        mine, others = own.get(part, []), mixed.get(part, [])
        told = [f"{percentile(mine, p):.1f}" if mine else "" for p in (50, 99, 100)]
        table.add_row(part, str(len(mine)), *told, str(len(others) or ""), f"{max(others):.1f}" if others else "")
    return table


def _by_part(met: Sequence[Met], lone: bool) -> dict[str, list[float]]:
    found = recoveries(met, lone, of=attrgetter("part"))
    return {part: [one.seconds or 0.0 for one in mine] for part, mine in found.items()}


def write(plan: Plan, played: Played, violations: Sequence[str]) -> dict[str, Any]:
    """Everything into the folder of results; -> the figures."""
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
    return last
