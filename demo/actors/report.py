"""What the customers saw, as a table."""

from collections import Counter
from collections.abc import Sequence

from rich.table import Table

from actors.customer import Story

SHOWN = 5


def percentile(values: Sequence[float], percent: float) -> float:
    """Nearest rank; 0 for no values."""
    ordered = sorted(values)
    rank = int(-(-len(ordered) * percent // 100))
    return ordered[max(rank, 1) - 1] if ordered else 0.0


def counts(stories: Sequence[Story]) -> Counter[str]:
    """How the orders ended: `delivered`, `cancelled: REASON`, `unfinished`, `fault`."""
    return Counter(ending(story) for story in stories)


def ending(story: Story) -> str:
    """One word or two on how one order ended."""
    if story.fault or not story.order_id:
        return "fault"
    if story.unfinished:
        return "unfinished"
    return "delivered" if story.end == "DELIVERED" else f"cancelled: {story.reason}"


def table(stories: Sequence[Story]) -> Table:
    """The report."""
    shown = Table("", "orders", box=None, pad_edge=False)
    shown.columns[1].justify = "right"
    shown.add_row("placed", str(len(stories)))
    for name, count in sorted(counts(stories).items()):
        shown.add_row(name, str(count))
    took = [story.took for story in stories if story.end == "DELIVERED"]
    shown.add_row("place → delivered, p50", f"{percentile(took, 50):.2f} s")
    shown.add_row("place → delivered, p99", f"{percentile(took, 99):.2f} s")
    return shown


def faults(stories: Sequence[Story]) -> list[str]:
    """The first few orders that did not go well, in words."""
    bad = [story for story in stories if ending(story) in ("fault", "unfinished")]
    return [f"{story.order_id or story.key}: {story.fault or 'not seen to its end'}" for story in bad[:SHOWN]]


def sound(stories: Sequence[Story], cancellations: bool) -> bool:
    """True when every order was delivered, or, with `cancellations` allowed, ended one way or the other."""
    kinds = counts(stories)
    ended = kinds["fault"] == kinds["unfinished"] == 0
    return ended and (cancellations or kinds["delivered"] == len(stories))
