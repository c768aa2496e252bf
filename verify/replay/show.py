"""How a replay looks in a terminal, and as JSON. Pure: data in, text out."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from api.codec import text
from api.order import Status
from replay.fold import Step
from replay.rebuilding import Outcome

QUIET = {"version", "id"}  # they change with every fact, or with none
SHOWN = 10  # differences on a terminal


def story(steps: Sequence[Step]) -> Group:
    """Fact by fact with what it changed, then the document."""
    table = Table("version", "time", "fact", "changed", box=None, pad_edge=False)
    for step in steps:
        table.add_row(str(step.row.version), step.row.at.isoformat(sep=" ")[:23], step.row.type, changed(step))
    last = steps[-1].after
    head = Text.assemble("Order ", (last.id, "bold"), f" at version {last.version}: ", (last.status, "bold"))
    return Group(head, table, Text(text(last), "dim"))


def changed(step: Step) -> Text:
    """`status PLACED → PAID`, one line each; what the journal holds otherwise is red."""
    found = {name: change for name, change in step.changes.items() if name not in QUIET}
    begins = step.before.version == 0
    lines = [
        f"{name} {word(now)}" if begins else f"{name} {word(was)} → {word(now)}" for name, (was, now) in found.items()
    ]
    told = Text("\n".join(lines))
    return told if step.wrong is None else told.append(f"\n{step.wrong}", "bold red")


def word(value: Any) -> str:
    """A value of a document on one line."""
    if isinstance(value, list | tuple):
        return ", ".join(f"{item['quantity']} {item['item_id']}" for item in value)
    return "none" if value in (None, "") else str(value)


def told(steps: Sequence[Step]) -> Mapping[str, Any]:
    """The same for programs."""
    facts = [
        {
            "version": step.row.version,
            "at": step.row.at.isoformat(),
            "type": step.row.type,
            "changed": {name: {"from": was, "to": now} for name, (was, now) in step.changes.items()},
            "wrong": step.wrong,
        }
        for step in steps
    ]
    return {"order": steps[-1].after, "facts": facts}


def counts(found: Mapping[Status, int], moment: datetime | None) -> Table:
    """Orders by status, in the order of an order's life."""
    table = Table("status", "orders", box=None, pad_edge=False)
    table.title = f"at {moment.isoformat(sep=' ')[:19]}" if moment else None
    table.columns[1].justify = "right"
    for status in Status:
        if status is not Status.NONE:
            table.add_row(status, str(found.get(status, 0)))
    table.add_row(Text("in all", "bold"), str(sum(found.values())))
    return table


def outcome(found: Outcome, seconds: float, live: float) -> Group:
    """What a rebuild found, and how fast it was."""
    rate = found.orders / seconds
    compared = f"{found.orders:,} orders, {found.versions:,} versions made anew: "
    verdict = (
        Text("byte for byte the same", "green")
        if not found.different
        else Text(f"{found.different:,} different", "bold red")
    )
    speed = f"{rate:,.0f} orders/s" + (f", {rate / live:.1f} times the live rate ({live:,.0f}/s)" if live else "")
    lines = [Text(f"{one.order_id}  {one.what}", "red") for one in found.differences[:SHOWN]]
    more = found.different - len(lines)
    rest = [Text(f"… and {more:,} more", "red")] if more > 0 else []
    return Group(Text(compared).append(verdict), *lines, *rest, Text(speed))


def figures(found: Outcome, seconds: float, live: float) -> Mapping[str, Any]:
    """The same for programs: one object."""
    rate = found.orders / seconds
    return {
        "orders": found.orders,
        "versions": found.versions,
        "different": found.different,
        "differences": [{"order": one.order_id, "what": one.what} for one in found.differences],
        "seconds": round(seconds, 3),
        "orders_per_s": round(rate, 1),
        "live_orders_per_s": round(live, 1),
        "times_live": round(rate / live, 1) if live else None,
    }
