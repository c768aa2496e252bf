"""Was it right? What chaos itself can judge: every order ended in a way it may end, and every part came back."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter

from bench.figures import percentile
from chaos.deeds import Done
from chaos.faults import SERVICES
from chaos.probe import LIMIT_SECONDS, SIGNS
from chaos.stories import Story

DEADLINES = frozenset(
    {
        "PAYMENT_TIMEOUT",
        "PAYMENT_FAILED",
        "NO_COURIER",
        "RESTAURANT_SILENT",
        "NOT_READY",
        "NOT_PICKED_UP",
        "NOT_DELIVERED",
    }
)

# Whose recovery has a name of its own: a lost slot is another thing than a dead Connect.
SLOT_FAULTS = {"slot_dropped": "slot", "connect_offsets_deleted": "slot", "slot_invalidated": "slot_invalidated"}
GROUPS = ("service", "connect", "postgres", "kafka", "slot", "slot_invalidated", "provider")
LIMITS: Mapping[str, float] = {"service": 5.0, "connect": 12.0, "postgres": 10.0, "kafka": 15.0}
"""Seconds: the aims for the p99 of these groups. Others have none."""

LOG = frozenset({"postgres", "kafka", "connect"})
PLACING = frozenset({"edge", "api-http"})
# Couriers are free again only when orders are pushed, picked up and delivered: who assigns and cooks needs all of them.
ROUND = LOG | PLACING | {"api-projector", "payment", "delivery", "restaurant", "notifier", "provider", "couriers"}
READ = frozenset({"orders.events", "couriers.events", "restaurants.events"})
NEEDS: Mapping[str, frozenset[str]] = {
    "edge": frozenset({"api-http", "postgres"}),
    "api-http": frozenset({"edge", "postgres"}),
    "api-projector": LOG | READ | {"ticks"},
    "notifier": LOG | PLACING | {"api-projector", "orders.journal"},
    "keeper": LOG | {"ticks"},
    "payment": LOG | PLACING | {"provider", "orders.events"},
    "provider": LOG | PLACING | {"payment", "orders.events"},
    "delivery": ROUND | READ,
    "restaurant": ROUND | READ,
    "postgres": ROUND | READ | {"orders.journal"},
    "kafka": ROUND | READ | {"orders.journal"},
    "connect": ROUND | READ | {"orders.journal"},
}
"""What else the sign of a part (probe.py) depends on: only a fault of these, or another of its own, is an excuse."""


@dataclass(frozen=True, slots=True)
class Met:
    """A fault that was done, and the unix time from which on its part worked again: None when it did not."""

    done: Done
    recovered: float | None

    @property
    def part(self) -> str:
        """Whose recovery it is."""
        return SLOT_FAULTS.get(self.done.fault.kind, self.done.fault.part)

    @property
    def group(self) -> str:
        """In whose figure it is."""
        return "service" if self.part in (*SERVICES, "edge") else self.part

    @property
    def seconds(self) -> float | None:
        """From the end of the fault on."""
        return None if self.recovered is None else max(0.0, self.recovered - self.done.ended)

    @property
    def over(self) -> float:
        """When its traces were gone."""
        return self.recovered or self.done.ended


def alone(met: Met, others: Iterable[Met]) -> bool:
    """Nothing else disturbed its sign in the fault, or in its recovery: only then the time is the part's own.

    What began when its limit had already passed is no excuse.
    """
    mine = met.done
    over = min(met.over, mine.ended + LIMITS.get(met.group, LIMIT_SECONDS))
    needs = NEEDS.get(mine.fault.part, frozenset()) | {mine.fault.part}
    return not any(
        other is not met and other.done.fault.part in needs and other.done.began < over and other.over > mine.began
        for other in others
    )


def recoveries(met: Sequence[Met], lone: bool, of: Callable[[Met], str] = attrgetter("group")) -> dict[str, list[Met]]:
    """By group (or `of`), of faults alone or of overlapping ones; who did not recover at all is in none."""
    found: dict[str, list[Met]] = {}
    for one in met:
        if one.seconds is not None and alone(one, met) is lone:
            found.setdefault(of(one), []).append(one)
    return found


def p99(met: Iterable[Met]) -> float:
    """Seconds until they worked again."""
    return percentile([one.seconds or 0.0 for one in met], 99)


def late(met: Sequence[Met]) -> list[str]:
    """One sentence for each group whose own recoveries took longer than they should."""
    own = recoveries(met, True)
    return [
        f"{group}: works again after {p99(own[group]):.1f} s (p99 of {len(own[group])}), not within {limit:.0f} s: "
        + ", ".join(f"{one.done.fault} {one.seconds:.1f} s" for one in own[group] if (one.seconds or 0.0) > limit)
        for group, limit in LIMITS.items()
        if group in own and p99(own[group]) > limit
    ]


def violations(
    stories: Sequence[Story], met: Sequence[Met], poisoned: Collection[str], broken: Iterable[str], left: Iterable[str]
) -> list[str]:
    """One sentence for each; `broken` is what the load itself met, `left` what still moved at the end."""
    found = [*broken, *(f"not at rest at the end: {what}" for what in left)]
    found += [
        f"{one.done.fault}: {one.done.fault.part} did not work again within {LIMIT_SECONDS:.0f} s"
        for one in met
        if one.recovered is None and one.done.fault.part in SIGNS and not one.done.failed
    ]
    found += [f"not done: {one.done.fault}: {one.done.failed}" for one in met if one.done.failed]
    return found + list(wronged(stories, met, poisoned).values())


def wronged(stories: Sequence[Story], met: Sequence[Met], poisoned: Collection[str]) -> dict[Story, str]:
    """The orders that did not end as they may, and how they did."""
    strikes = [(one.done.began, one.over) for one in met if one.done.fault.kind == "strike"]
    faults = ((story, of_story(story, poisoned, strikes)) for story in stories)
    return {story: fault for story, fault in faults if fault}


def of_story(story: Story, poisoned: Collection[str], strikes: Iterable[tuple[float, float]]) -> str:
    """What is wrong with one order; empty when nothing is."""
    name = f"order {story.id or story.key} ({story.wish.journey})"
    if not story.over:
        return f"{name} was not told to its end: version {story.version}, {story.status or 'nothing seen'}"
    if story.refused or story.ending in story.wish.endings:
        return ""
    if story.id in poisoned and story.ending in DEADLINES | {"DELIVERED"}:
        return ""
    if story.ending == "NO_COURIER" and any(story.began < end and story.ended > begin for begin, end in strikes):
        return ""
    return f"{name} ended {story.ending}, not {' or '.join(sorted(story.wish.endings))}"
