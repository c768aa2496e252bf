"""How parked events look in a terminal. Pure: data in, text out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from cli.parked_rows import Parked, Stopped, header

COLOURS = {"head": "bold red", "released": "green", "discarded": "yellow", "behind": "dim"}
NO_KEY = '""'
SHOWN = 4000  # characters of a body
TRY = (
    "./demae parked show KEY     the event itself, and what waits behind it",
    "./demae parked release KEY  when its cause is repaired: it is handled, then those behind it",
    "./demae parked discard KEY --reason '…'  when it never can be: those behind it go on",
)


def report(heads: Sequence[Parked], stopped: Sequence[Stopped], now: datetime) -> Iterator[RenderableType]:
    """Everything `list` says."""
    yield from (standstill(one, now) for one in stopped)
    if not heads:
        yield "Nothing is parked: every event that was read had its effect."
        return
    for consumer, group in groupby(sorted(heads, key=lambda one: one.consumer), key=lambda one: one.consumer):
        yield from section(consumer, list(group), now)
    yield ""
    yield from (Text(line, "dim") for line in TRY)


def standstill(one: Stopped, now: datetime) -> Text:
    """A consumer that stopped at its cap, and the ways out."""
    return Text(f"{one.consumer} stands still since {age(one.since, now)}: {one.reason}\n", "bold red")


def section(consumer: str, heads: Sequence[Parked], now: datetime) -> Iterator[RenderableType]:
    """One consumer: a sentence, and two lines for each event that a person must decide on or has decided on."""
    open_, behind = sum(one.state == "head" for one in heads), sum(one.behind for one in heads)
    yield Text(f"{consumer}: {counted(open_, 'event waits', 'events wait')} for a decision, {behind} behind", "bold")
    keys, types = (max(len(name(one)) for one in heads) for name in (key, kind))
    yield Text(f"  {'key':<{keys}}  {'type':<{types}}  {'since':>5}  tries  behind", "dim")
    for one in heads:
        yield Text.assemble(
            "  ",
            (f"{key(one):<{keys}}", COLOURS[one.state]),
            f"  {kind(one):<{types}}  {age(one.since, now):>5}  {one.attempts:>5}  {one.behind:>6}",
        )
        yield Text(f"     {one.place}: {reason(one, now)}", "dim")


def key(one: Parked) -> str:
    """As it is typed."""
    return clean(one.key) or NO_KEY


def kind(one: Parked) -> str:
    """The type, or that it has none."""
    return clean(one.type) or "(no type)"


def reason(one: Parked, now: datetime) -> str:
    """Why it cannot be handled, or what was decided."""
    said = first_line(one.error, 160)
    if one.decided is None:
        return said
    word = {"head": "released before", "released": "released", "discarded": "discarded"}[one.state]
    cause = f" ({one.why})" if one.why else ""
    return f"{said} · {word} by {one.who} {age(one.decided, now)} ago{cause}"


def history(found: Sequence[Parked], now: datetime) -> RenderableType:
    """What was discarded, by whom and why."""
    if not found:
        return "Nothing was ever discarded."
    table = Table("consumer", "key", "type", "where", "discarded", "by", "because", "it could not be handled", box=None)
    for one in found:
        ago = f"{age(one.decided, now)} ago" if one.decided else ""
        words = [one.consumer, key(one), kind(one), one.place, ago, one.who or "", one.why or ""]
        table.add_row(*map(Text, words), Text(first_line(one.error, 100)))
    return table


def event(one: Parked, value: bytes | None, behind: Iterable[Parked], now: datetime) -> Iterator[RenderableType]:
    """One event whole: where, why, its headers and body, and those behind it."""
    yield Text(f"{one.consumer} cannot handle {kind(one)}", "bold")
    table = Table(box=None, show_header=False, pad_edge=False)
    facts = {
        "key": key(one),
        "where": one.place,
        "parked": f"{one.since:%Y-%m-%d %H:%M:%S %Z}, {age(one.since, now)} ago",
        "tried": f"{counted(one.attempts, 'time', 'times')}",
        "state": one.state,
        "decided": f"by {one.who}, {age(one.decided, now)} ago {one.why or ''}" if one.decided else "",
        "why": one.error,
        **{name: header(one, name) for name, _ in one.headers},
    }
    for name, said in facts.items():
        if said:
            table.add_row(Text(clean(name), "dim"), Text(clean(said)))
    yield table
    yield Text(f"\n{body(value)}\n")
    waiting = list(behind)
    yield f"Behind it: {counted(len(waiting), 'event', 'events')}" + (":" if waiting else ".")
    yield from (Text(f"  {later.place}  {kind(later)}", "dim") for later in waiting)


def body(value: bytes | None) -> str:
    """A record's value for people: JSON laid out, other text as it is, other bytes escaped."""
    if value is None:
        return "(no value: a tombstone)"
    try:
        text = json.dumps(json.loads(value), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        text = value.decode("utf-8", "backslashreplace")
    shown = clean(text[:SHOWN])
    return shown if len(text) <= SHOWN else f"{shown}… ({len(value)} bytes in all)"


def clean(text: str) -> str:
    """Nothing of an event may speak to the terminal."""
    return "".join(char if char.isprintable() or char == "\n" else f"\\x{ord(char):02x}" for char in text)


def first_line(text: str, length: int) -> str:
    """Of an error, which may be long."""
    line = clean(text.partition("\n")[0])
    return f"{line[:length]}…" if len(line) > length else line


def plain(one: Parked) -> dict[str, object]:
    """For programs: `list --json`."""
    names = ("consumer", "key", "state", "topic", "partition", "offset", "attempts", "behind", "error", "who", "why")
    times = {"since": one.since.isoformat(), "decided": one.decided.isoformat() if one.decided else None}
    return {"type": one.type, **{name: getattr(one, name) for name in names}, **times}


def age(then: datetime, now: datetime) -> str:
    """`12 s`, `3 m`, `2 h`, `5 d`."""
    seconds = max(0, int((now - then).total_seconds()))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def counted(number: int, one: str, more: str) -> str:
    """`1 event`, `2 events`."""
    return f"{number} {one if number == 1 else more}"
