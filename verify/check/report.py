"""What a person reads of a judgement, and what a program reads."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from check.judge import HELD, NOT_CHECKED, VIOLATED, Judgement, Verdict
from check.world import World

STYLES = {HELD: "green", VIOLATED: "bold red", NOT_CHECKED: "yellow"}
SHOWN = 5


def table(found: Judgement, world: World) -> Group:
    """One line for each invariant, the first breaches of each, and what was looked at."""
    shown = Table(box=None, pad_edge=False, show_header=False)
    for verdict in found.verdicts.values():
        word = f"{VIOLATED} ({verdict.count})" if verdict.count else verdict.word
        about = verdict.invariant.about + (f" ({verdict.why})" if verdict.why else "")
        shown.add_row(verdict.invariant.name, Text(word, STYLES[verdict.word]), about)
    breaches = [line for verdict in found.verdicts.values() for line in _breaches(verdict)]
    moving = [Text(f"\nIt was not quiet when looking began: {found.moving}.", "yellow")] if found.moving else []
    return Group(shown, *breaches, *moving, "", _looked_at(found, world))


def _breaches(verdict: Verdict) -> list[Text]:
    lines = [Text(f"\n{verdict.invariant.name}", "bold red")] if verdict.count else []
    lines += [Text(f"  {breach.about}: {breach.sentence}") for breach in verdict.breaches[:SHOWN]]
    more = verdict.count - min(SHOWN, len(verdict.breaches))
    return [*lines, Text(f"  and {more} more", "dim")] if more > 0 else lines


def _looked_at(found: Judgement, world: World) -> Text:
    histories = world.histories
    parts = [
        f"{found.orders} orders: {found.settled} settled, {found.orders - found.settled - found.waiting} still open, "
        f"{found.waiting} waiting behind a parked event",
        f"{found.repeats} records came more than once",
        f"{len(world.ticks)} ticks",
    ]
    if "histories" in world.sources:
        parts.append(
            f"{histories.files} histories with {histories.calls} calls, {histories.pushes} pushed versions, "
            f"{len(histories.faults)} faults and {histories.poison} poisoned records"
        )
    return Text("; ".join(parts) + ".", "dim")


def wrong(said: Mapping[str, Any]) -> Mapping[str, Sequence[str]]:
    """Of the JSON object: invariant → what violates it, or why it could not be judged; sound ones are left out."""
    told = {}
    for name, verdict in said["invariants"].items():
        if verdict["verdict"] == NOT_CHECKED:
            told[name] = [f"{NOT_CHECKED}: {verdict['why']}"]
        elif verdict["breaches"]:
            told[name] = [f"{one['about']}: {one['sentence']}" for one in verdict["breaches"]]
    return told


def figures(found: Judgement, world: World) -> Mapping[str, Any]:
    """The JSON object of --json."""
    return {
        "sound": found.sound,
        "orders": found.orders,
        "settled": found.settled,
        "waiting": found.waiting,
        "open": found.orders - found.settled - found.waiting,
        "repeats": found.repeats,
        "moving": found.moving,
        "violations": sum(verdict.count for verdict in found.verdicts.values()),
        "sources": sorted(world.sources),
        "seconds": round(found.seconds, 2),
        "invariants": {
            name: {
                "verdict": verdict.word,
                "count": verdict.count,
                "why": verdict.why,
                "breaches": [{"about": one.about, "sentence": one.sentence} for one in verdict.breaches],
            }
            for name, verdict in found.verdicts.items()
        },
    }
