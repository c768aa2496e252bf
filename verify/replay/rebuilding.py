"""The read model made anew from the journal's facts, beside the live one, and compared with it byte by byte.

Both streams are in order of the orders' ids and are merged: memory holds one order, whatever there is.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import NamedTuple

from api.codec import text
from api.order import OPEN, Order
from replay.fold import steps
from replay.journal import Row, Stored

TOLD = 100  # differences kept for the report; the rest is counted

Told = Callable[[int], None]
"""Told how many orders are done, after each."""


@dataclass(frozen=True)
class Difference:
    """One order whose stored row, or one of its journal's documents, is not what its facts make."""

    order_id: str
    what: str


class Made(NamedTuple):
    """A row as the facts make it; `wrong`: the first document in the journal that they do not make."""

    row: Stored
    wrong: str | None


@dataclass
class Outcome:
    """What a rebuild found. `minutes`: orders placed, by minute since 1970."""

    orders: int = 0
    versions: int = 0
    different: int = 0
    differences: list[Difference] = field(default_factory=list)
    minutes: Counter[int] = field(default_factory=Counter)

    def differs(self, order_id: str, what: str) -> None:
        self.different += 1
        if len(self.differences) < TOLD:
            self.differences.append(Difference(order_id, what))

    @property
    def live_rate(self) -> float:
        """Orders a second in the busiest minute of the journal; 0 without orders."""
        return max(self.minutes.values(), default=0) / 60


def rebuilt(journal: Iterable[tuple[str, Iterable[Row]]], outcome: Outcome) -> Iterator[Made]:
    """What the journal's facts make, by id; `outcome` counts the versions."""
    for order_id, rows in journal:
        order, wrong = Order(order_id), None
        for step in steps(rows):
            order, wrong = step.after, wrong or step.wrong
            outcome.versions += 1
            if step.row.version == 1:
                outcome.minutes[int(step.row.at.timestamp()) // 60] += 1
        yield Made(row_of(order), wrong)


def kept(made: Iterable[Made], keep: Callable[[Stored], None]) -> Iterator[Made]:
    """The same, each row kept as it passes."""
    for one in made:
        keep(one.row)
        yield one


def row_of(order: Order) -> Stored:
    """The row that api's writers keep of an order."""
    return Stored(
        order.id,
        order.version,
        order.since,
        order.status in OPEN,
        order.customer_id,
        order.restaurant_id,
        order.courier_id,
        text(order),
    )


def compare(made: Iterable[Made], stored: Iterable[Stored], outcome: Outcome, tell: Told) -> Outcome:
    """Merges what was made with what is there; both by id."""
    for order_id, one, other in merged(made, stored):
        outcome.orders += 1
        if what := difference(one, other):
            outcome.differs(order_id, what)
        tell(outcome.orders)
    return outcome


def merged(made: Iterable[Made], stored: Iterable[Stored]) -> Iterator[tuple[str, Made | None, Stored | None]]:
    """Pairs by id; None for what only the other side has."""
    ones, others = iter(made), iter(stored)
    one, other = next(ones, None), next(others, None)
    while one or other:
        order_id = min(found for found in (one and one.row.id, other and other.id) if found)
        left = one if one and one.row.id == order_id else None
        right = other if other and other.id == order_id else None
        yield order_id, left, right
        one = next(ones, None) if left else one
        other = next(others, None) if right else other


def difference(made: Made | None, stored: Stored | None) -> str | None:
    """What is not the same about one order; the first thing within its journal, then its row."""
    if made is None:
        return "is stored, and has no journal"
    if stored is None:
        return "has a journal, and is not stored"
    if made.wrong is None and made.row != stored:
        return "stored otherwise: " + ", ".join(unequal(made.row, stored))
    return made.wrong


def unequal(one: Stored, other: Stored) -> list[str]:
    """The columns that differ; of a document the first byte that does."""
    names = [name for name, a, b in zip(Stored._fields, one, other, strict=True) if a != b]
    both = zip_longest(one.document.encode(), other.document.encode())
    place = next((n for n, (a, b) in enumerate(both) if a != b), None)
    return [f"document from byte {place}" if name == "document" else name for name in names]
