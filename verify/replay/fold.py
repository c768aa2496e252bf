"""One order, folded from its recorded facts. Nothing is decided again, and nothing is read: rows in, a story out."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import msgspec

from api.codec import fact_of, text
from api.events import Fact
from api.order import Order, Status, evolve
from replay.errors import CannotLookError, UnreadableError
from replay.journal import Row


@dataclass(frozen=True)
class Step:
    """One fact, and what it made of the order. `wrong`: what the journal holds instead; None when it is the same.

    A fact that cannot be read made nothing.
    """

    row: Row
    before: Order
    after: Order
    wrong: str | None

    @property
    def changes(self) -> Mapping[str, tuple[Any, Any]]:
        """Member of the document (a dot for one inside) → what it was and what it is, in the document's order."""
        was, now = flat(asdict(self.before)), flat(asdict(self.after))
        names = [*now, *(name for name in was if name not in now)]
        return {name: (was.get(name), now.get(name)) for name in names if was.get(name) != now.get(name)}


def steps(rows: Iterable[Row]) -> Iterator[Step]:
    """The fold of one order's rows, from the first."""
    order: Order | None = None
    for row in rows:
        before = order or Order(row.order_id)
        try:
            order = evolve(before, _fact(row))
            wrong = _wrong(row, before, order)
        except UnreadableError as unreadable:
            order, wrong = before, str(unreadable)
        yield Step(row, before, order, wrong)


def _fact(row: Row) -> Fact:
    """Raises UnreadableError."""
    try:
        return fact_of(row.type, row.data)
    except KeyError:
        raise UnreadableError(f"version {row.version}: nobody knows a fact {row.type}") from None
    except msgspec.MsgspecError as error:
        raise UnreadableError(f"version {row.version}: {row.type} cannot be read: {error}") from None


def _wrong(row: Row, before: Order, after: Order) -> str | None:
    if after is before:
        return f"version {row.version}: {row.type} changes nothing"
    if after.version != row.version:
        return f"version {row.version} stands where version {after.version} was to come"
    if text(after) != row.payload:
        return f"version {row.version}: {row.type} makes another document than the journal's"
    return None


def until(rows: Iterable[Row], moment: int | datetime | None) -> Iterator[Row]:
    """The rows up to a version, or before the first whose fact was stated after a time; None: all.

    A fact may be stated before the one it is read behind (two services, one order): it counts where it was read.
    """
    for row in rows:
        if moment is not None and (row.version if isinstance(moment, int) else row.at) > moment:  # type: ignore[operator]
            return
        yield row


def status(rows: Iterable[Row]) -> Status:
    """Where the rows leave their order; NONE without any. Raises CannotLookError for one that cannot be read."""
    order = None
    for row in rows:
        try:
            order = evolve(order or Order(row.order_id), _fact(row))
        except UnreadableError as unreadable:
            raise CannotLookError(f"Order {row.order_id}, {unreadable}") from None
    return order.status if order else Status.NONE


def flat(document: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Members inside of members by a path with dots; lists are values."""
    found: dict[str, Any] = {}
    for name, value in document.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = value
    return found
