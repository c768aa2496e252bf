"""All invariants over all evidence: one case after the other, with the first few breaches of each kept."""

import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from check.case import Breach, Case
from check.rules import Rule, closing, deadlines, keeping, keys, log, money, parking, showing, stock, versions
from check.spill import Spill
from check.world import World

KEPT = 20  # breaches of one invariant that are told
TELL_EVERY = 1000  # cases

HELD, VIOLATED, NOT_CHECKED = "held", "VIOLATED", "not checked"


@dataclass(frozen=True)
class Invariant:
    """`needs`: what must have been there, or nothing is judged. `also`: without these only a part of it is."""

    name: str
    about: str
    needs: frozenset[str]
    also: Mapping[str, str] = field(default_factory=dict)


def _needs(*sources: str) -> frozenset[str]:
    return frozenset(sources)


INVARIANTS: Sequence[Invariant] = (
    Invariant(
        "I1",
        "one capture for a delivered order, none kept for a cancelled",
        _needs("tables", "provider", "orders"),
        {"others": "of this order alone"},
    ),
    Invariant(
        "I2",
        "what was acknowledged exists and comes to an end",
        _needs("tables", "orders"),
        {"histories": "nobody says what was acknowledged", "topics": "a cancelled order that hangs is not seen"},
    ),
    Invariant(
        "I3",
        "one key, one order",
        _needs("tables", "orders"),
        {"histories": "by the tables alone", "others": "a second order of its key is not seen"},
    ),
    Invariant(
        "I4", "versions are gapless and in order", _needs("tables", "orders"), {"topics": "in the journal alone"}
    ),
    Invariant(
        "I5",
        "the topic is the outbox",
        _needs("tables", "topics", "records"),
        {"everything": "without the topics that are not about orders"},
    ),
    Invariant("I6", "only legal transitions, one end", _needs("tables", "orders")),
    Invariant(
        "I7",
        "each fact once; what ended is undone once",
        _needs("tables", "topics", "orders"),
        {"everything": "without the stock on the shelves"},
    ),
    Invariant("I8", "every version is shown once and in order", _needs("tables", "histories", "versions shown")),
    Invariant(
        "I9",
        "nobody sees a stranger's order",
        _needs("tables", "histories", "versions shown"),
        {"strangers": "no stranger asked"},
    ),
    Invariant("I10", "poison stalls its own order only", _needs("tables", "topics")),
    Invariant(
        "I11",
        "parked heads are the poison injected",
        _needs("tables", "histories"),
        {"poison": "none was injected", "everything": "without keys that are no order's of these"},
    ),
    Invariant(
        "I12", "the fold of the facts is the documents", _needs("tables", "orders"), {"topics": "without the log"}
    ),
    Invariant("I13", "the log's retention is bounded and watched", _needs("tables"), {"keeper": "by the slot alone"}),
    Invariant(
        "I14",
        "recovery needs no hand",
        _needs("histories"),
        {"faults": "nothing was disturbed", "recoveries": "not every recovery was waited for"},
    ),
    Invariant(
        "I15",
        "no deadline fires because the log stood",
        _needs("tables", "topics"),
        {"standstill": "it never stood"},
    ),
)

OF_ORDERS: Sequence[Rule] = (
    money.charged,
    keys.acknowledged,
    keys.ended,
    versions.gapless,
    versions.legal,
    versions.folded,
    log.told,
    closing.once,
    closing.undone,
    showing.subscribed,
    showing.owned,
    parking.parked,
    deadlines.deadline,
)
OF_KEYS: Mapping[str, Sequence[Rule]] = {"order": OF_ORDERS, "wish": (keys.one_order,)}
OF_STREAMS: Sequence[Rule] = (log.told, parking.parked)
"""Of the keys of other topics than orders.events."""
OF_THE_WORLD: Sequence[Callable[[World], Iterator[Breach]]] = (
    parking.stalled,
    keeping.retained,
    keeping.recovered,
    deadlines.closed_loop,
)


@dataclass
class Verdict:
    """What became of one invariant."""

    invariant: Invariant
    count: int = 0
    breaches: list[Breach] = field(default_factory=list)
    why: str = ""
    """Why it was not checked, or not all of it."""
    checked: bool = True

    @property
    def word(self) -> str:
        """held | VIOLATED | not checked"""
        return VIOLATED if self.count else HELD if self.checked else NOT_CHECKED


@dataclass
class Judgement:
    """All verdicts, and how much was looked at."""

    verdicts: dict[str, Verdict]
    orders: int = 0
    settled: int = 0
    waiting: int = 0
    """Not settled, because something of theirs is parked."""
    repeats: int = 0
    """Records that came more than once."""
    records: int = 0
    shown: int = 0
    """Versions, by a push or a read."""
    strangers: int = 0
    """Who asked for an order and take no part in it."""
    seconds: float = 0.0
    moving: str = ""
    """What had not come to rest when looking began; empty for nothing, or when nobody waited."""

    @property
    def seen(self) -> frozenset[str]:
        """What there was to look at."""
        there = {
            "orders": self.orders,
            "records": self.records,
            "versions shown": self.shown,
            "strangers": self.strangers,
        }
        return frozenset(name for name, some in there.items() if some)

    @property
    def sound(self) -> bool:
        """Nothing is violated."""
        return not any(verdict.count for verdict in self.verdicts.values())

    def note(self, breach: Breach) -> None:
        """One more; the first few are kept."""
        verdict = self.verdicts[breach.invariant]
        if verdict.checked:
            verdict.count += 1
            if len(verdict.breaches) < KEPT:
                verdict.breaches.append(breach)


SEEN = frozenset({"orders", "records", "versions shown", "strangers", "recoveries"})


def verdicts(world: World, seen: frozenset[str] = SEEN) -> dict[str, Verdict]:
    """What can be judged by these sources at all, if that was `seen` in them."""
    found = {}
    had = world.sources | world.happened | seen
    for invariant in INVARIANTS:
        missing = sorted(invariant.needs - had)
        partly = [why for source, why in invariant.also.items() if source not in had]
        why = f"no {' and no '.join(missing)}" if missing else "; ".join(partly)
        found[invariant.name] = Verdict(invariant, why=why, checked=not missing)
    return found


def judge(spill: Spill, world: World, shelf: stock.Shelf | None, tell: Callable[[str], None]) -> Judgement:
    """Every case by every rule that applies to it. `shelf` None: not all orders were looked at."""
    began = time.monotonic()
    found = Judgement(verdicts(world))
    for number, (space, name, lines) in enumerate(spill.cases()):
        case = Case.of(space, name, lines)
        for breach in of_case(case, world):
            found.note(breach)
        if shelf is not None:
            shelf.see(case)
        _count(found, case)
        if number % TELL_EVERY == 0:
            tell(f"judging: {found.orders} orders")
    whole = (rule(world) for rule in OF_THE_WORLD)
    for breach in itertools.chain(*whole, shelf.breaches(world.stock) if shelf is not None else ()):
        found.note(breach)
    seen = found.seen | ({"recoveries"} if keeping.awaited(world) else set())
    for name, verdict in verdicts(world, seen).items():
        found.verdicts[name].why, found.verdicts[name].checked = verdict.why, verdict.checked
    found.seconds = time.monotonic() - began
    return found


def of_case(case: Case, world: World) -> Iterator[Breach]:
    """What is broken about one subject."""
    for rule in OF_KEYS.get(case.space, OF_STREAMS):
        yield from rule(case, world)


def _count(found: Judgement, case: Case) -> None:
    found.records += len(case.records)
    found.shown += sum(not one.coalesced for seen in case.seen.values() for one in seen)
    found.shown += sum(call.do == "read" and call.shown is not None for call in case.calls)
    if case.order is None:
        return
    found.orders += 1
    found.strangers += showing.strangers(case)
    found.repeats += len(case.records) - len(case.events)
    if case.now is not None and case.now.settled:
        found.settled += 1
    elif not case.untouched:
        found.waiting += 1
