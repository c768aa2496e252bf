"""Was it right? What chaos itself can judge: every order ended in a way it may end, and every part came back."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from chaos.deeds import Done
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


@dataclass(frozen=True, slots=True)
class Met:
    """A fault that was done, and the unix time from which on its part worked again: None when it did not."""

    done: Done
    recovered: float | None

    @property
    def part(self) -> str:
        """Whose recovery it is; a lost slot is another thing than a dead Connect."""
        return "slot" if self.done.fault.kind in SLOT_FAULTS else self.done.fault.part

    @property
    def seconds(self) -> float | None:
        """From the end of the fault on."""
        return None if self.recovered is None else max(0.0, self.recovered - self.done.ended)

    @property
    def over(self) -> float:
        """When its traces were gone."""
        return self.recovered or self.done.ended


SLOT_FAULTS = frozenset({"slot_dropped", "slot_invalidated", "connect_offsets_deleted"})


def alone(met: Met, others: Iterable[Met]) -> bool:
    """No other fault of a part lay in it, or in its recovery: only then the time is the part's own."""
    mine = met.done
    return not any(
        other is not met and other.done.fault.part in SIGNS and other.done.began < met.over and other.over > mine.began
        for other in others
    )


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
