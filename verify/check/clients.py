"""Client histories and the provider's log into the spill: calls with their answers, pushes with their watches."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from check import facts
from check.history import Line, Shown, lines
from check.spill import Spill, subject
from check.tables import Range

ORDERS_TOPIC = "orders.events"
NO_ORDER = "(no order)"
"""The case of money that moved for an intent which names no order."""


class Unreadable(Exception):
    """Evidence that is none; says where."""


@dataclass
class Fault:
    """A disturbance on purpose. Times are 0 while it has not come to that."""

    what: str
    part: str
    began: float
    detail: dict[str, Any]
    healed: float = 0.0
    recovered: float = 0.0

    def ended(self, otherwise: float) -> float:
        """When it was over."""
        return self.recovered or self.healed or otherwise


@dataclass
class Histories:
    """What the histories say beside the lines in the spill."""

    faults: list[Fault] = field(default_factory=list)
    allowances: list[tuple[float, dict[str, int]]] = field(default_factory=list)
    """(From when on, reason → ticks): what deadlines were set to."""
    files: int = 0
    calls: int = 0
    pushes: int = 0
    poison: int = 0
    last: float = 0.0
    """The time of the last line of all."""


class _Answer(msgspec.Struct, frozen=True):
    currency: str = ""


class _Line(msgspec.Struct):
    at: float
    type: str
    path: str
    status: int
    intent: str | None = None
    order_id: str | None = None
    amount: int | None = None
    """That moved."""
    body: _Answer = _Answer()


def copy_log(log: Path, size: int, wanted: Range, spill: Spill) -> int:
    """The first `size` bytes of the provider's log into the spill; -> lines that were copied.

    Raises Unreadable for a line that is none.
    """
    decode, copied, read = msgspec.json.Decoder(_Line).decode, 0, 0
    with log.open("rb") as file:
        for number, raw in enumerate(file, 1):
            read += len(raw)
            if read > size or not raw.endswith(b"\n"):
                break
            try:
                line = decode(raw)
            except msgspec.DecodeError as error:
                raise Unreadable(f"line {number} of the provider's log: {error}") from error
            if not _wants(wanted, line):
                continue
            moved = (line.amount or 0, line.path, line.status, line.body.currency)
            charge = facts.Charge(line.at, line.type, line.intent, *moved)
            spill.add(subject("order", line.order_id or NO_ORDER), *facts.write(charge))
            copied += 1
    return copied


def _wants(wanted: Range, line: _Line) -> bool:
    if line.order_id is not None:
        return wanted.holds(line.order_id)
    return bool(line.amount) and line.at >= began(wanted)


def of_one(wanted: Range) -> bool:
    """One order is looked at, and nothing else."""
    return wanted.until != Range().until


def began(wanted: Range) -> float:
    """From when on everything is looked at, whether it names an order or not; infinite where one order is."""
    return math.inf if of_one(wanted) else int(wanted.since.replace("-", "")[:12], 16) / 1000


def copy_histories(files: Sequence[Path], wanted: Range, spill: Spill) -> Histories:
    """Every history into the spill."""
    told = Histories()
    for number, path in enumerate(files):
        told.files += 1
        _File(number, told, wanted, spill).read(path)
    return told


class _File:
    """One history. Holds the calls on their way and the open watches, no more."""

    def __init__(self, number: int, told: Histories, wanted: Range, spill: Spill) -> None:
        self._number = number
        self._told = told
        self._wanted = wanted
        self._spill = spill
        self._calls: dict[int, tuple[int, Line]] = {}
        self._watches: dict[int, Line] = {}
        self._faults: dict[int, Fault] = {}
        self._last = 0.0

    def read(self, path: Path) -> None:
        for place, line in enumerate(lines(path), 1):
            self._last = max(self._last, line.at)
            for about, fact in self._facts(place, line):
                self._add(about, fact)
        self._process_ended()
        self._told.last = max(self._told.last, self._last)

    def _add(self, order: str, fact: facts.Fact) -> None:
        if self._wanted.holds(order):
            self._spill.add(subject("order", order), *facts.write(fact))

    def _process_ended(self) -> None:
        """Killed, or at the end of the file: its calls have no answer, its watches no end."""
        for place, call in list(self._calls.values()):
            self._call(place, call, None, 0)
        for watch in list(self._watches.values()):
            self._watch(watch, None)
        self._calls, self._watches, self._faults = {}, {}, {}

    def _facts(self, place: int, line: Line) -> Iterator[tuple[str, facts.Fact]]:
        """(Order, fact) of the lines that are about one order at once; the others are remembered or passed on."""
        match line.kind:
            case "client":
                self._process_ended()
            case "call":
                self._calls[line.n] = (place, line)
            case "answer":
                if line.n in self._calls:
                    asked, call = self._calls.pop(line.n)
                    self._call(asked, call, line, place)
            case "watch":
                self._watches[line.n] = line
            case "end":
                if line.n in self._watches:
                    self._watch(self._watches.pop(line.n), line)
            case "push" | "coalesced":
                yield from self._shown(place, line)
            case "poison":
                yield from self._poison(line)
            case "decided":
                place_of = (line.topic or "", line.partition or 0, line.offset or 0)
                yield line.key or "", facts.Decided(line.what or "", line.part or "", *place_of)
            case _:
                self._disturbance(line)

    def _call(self, place: int, call: Line, answer: Line | None, answered: int) -> None:
        self._told.calls += 1
        outcome = (answer.outcome if answer else None) or "unknown"
        shown = answer.shown if answer else None
        code = answer.code if answer else None
        attempt = call.detail.get("attempt")
        fact = facts.Called(
            file=self._number,
            line=place,
            answered=answered,
            at=call.at,
            answered_at=answer.at if answer else 0.0,
            do=call.do or "",
            by=call.by or "",
            role=call.role or "",
            via=call.via or "",
            key=call.key,
            input=call.input,
            outcome=outcome,
            code=code,
            shown=shown,
            attempt=attempt if isinstance(attempt, int) else None,
        )
        if order := call.order or (shown.order if shown else None):
            self._add(order, fact)
        if call.do == "placeOrder" and not of_one(self._wanted):
            self._spill.add(subject("wish", f"{call.by} {call.key}"), *facts.write(fact))

    def _watch(self, watch: Line, end: Line | None) -> None:
        if watch.order is None:
            return
        outcome = (end.outcome if end else None) or ""
        who = (watch.by or "", watch.role or "", watch.after, watch.via or "", watch.at)
        ended = end.at if end else self._last
        self._add(watch.order, facts.Watched(self._number, watch.n, *who, ended, outcome, listed=False))

    def _shown(self, place: int, line: Line) -> Iterator[tuple[str, facts.Fact]]:
        watch = self._watches.get(line.n)
        if watch is None:
            return
        self._told.pushes += 1
        shown = line.shown or Shown(watch.order or "", line.after)
        yield shown.order, facts.Seen(self._number, line.n, place, line.at, line.kind == "coalesced", shown)
        if watch.order is None:  # a list's watch is told with each order it showed
            who = (watch.by or "", watch.role or "", 0, watch.via or "", watch.at, line.at, "")
            yield shown.order, facts.Watched(self._number, line.n, *who, listed=True)

    def _poison(self, line: Line) -> Iterator[tuple[str, facts.Fact]]:
        self._told.poison += 1
        place = (line.topic or "", line.partition or 0, line.offset or 0)
        said = (line.type or "", line.source or "", line.consumers)
        fact = facts.Poisoned(line.what or "", *place, line.event_id, *said)
        if line.topic in (ORDERS_TOPIC, None):
            yield line.key or "", fact
        elif self._wanted.everything:
            self._spill.add(subject(line.topic, line.key or ""), *facts.write(fact))

    def _disturbance(self, line: Line) -> None:
        if line.kind == "fault":
            self._faults[line.n] = fault = Fault(line.what or "", line.part or "", line.at, line.detail)
            self._told.faults.append(fault)
        elif line.kind == "healed" and line.n in self._faults:
            self._faults[line.n].healed = line.at
        elif line.kind == "recovered" and line.n in self._faults:
            self._faults[line.n].recovered = line.at
        elif line.kind == "note" and line.what == "allowances":
            self._told.allowances.append((line.at, {reason: int(ticks) for reason, ticks in line.detail.items()}))
