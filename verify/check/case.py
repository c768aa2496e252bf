"""Everything that is known about one order, from all sources."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, TypeVar

from check.documents import Document, document, object_of
from check.facts import (
    Called,
    Charge,
    CourierRow,
    Decided,
    Event,
    Fact,
    JobRow,
    JournalRow,
    OrderRow,
    OutboxRow,
    ParkedRow,
    PaymentRow,
    Placement,
    Poisoned,
    Pushed,
    Seen,
    TicketRow,
    Watched,
    read,
)
from check.spill import Lines

F = TypeVar("F", bound=Fact)


class Breach(NamedTuple):
    """One broken promise: an invariant, whom it is about, and a sentence."""

    invariant: str
    about: str
    sentence: str


@dataclass
class Case:
    """One order, or the key of another topic."""

    id: str
    space: str
    _facts: dict[type[Fact], list[Fact]]

    @classmethod
    def of(cls, space: str, name: str, lines: Lines) -> Case:
        """From the lines of the spill."""
        found: dict[type[Fact], list[Fact]] = {}
        for tag, json in lines:
            fact = read(tag, json)
            found.setdefault(type(fact), []).append(fact)
        return cls(name, space, found)

    def _all(self, kind: type[F]) -> list[F]:
        return self._facts.get(kind, [])  # type: ignore[return-value]  # a list holds facts of its key's kind

    def _one(self, kind: type[F]) -> F | None:
        found = self._all(kind)
        return found[0] if found else None

    @cached_property
    def order(self) -> OrderRow | None:
        return self._one(OrderRow)

    @cached_property
    def placements(self) -> list[Placement]:
        return self._all(Placement)

    @cached_property
    def journal(self) -> list[JournalRow]:
        """By version."""
        return sorted(self._all(JournalRow), key=lambda row: (row.version, row.seq))

    @cached_property
    def outbox(self) -> list[OutboxRow]:
        """By source and seq."""
        return sorted(self._all(OutboxRow), key=lambda row: (row.service, row.seq))

    @cached_property
    def written(self) -> dict[str, OutboxRow]:
        """Event id → its outbox row, of every event that an outbox still has."""
        return {row.id: row for row in self.outbox}

    @cached_property
    def records(self) -> list[Event]:
        """The topic's records, repeats too, in order."""
        return sorted(self._all(Event), key=lambda one: (one.partition, one.offset))

    @cached_property
    def genuine(self) -> list[Event]:
        """The same without what was put there on purpose; its repeats are no facts either."""
        ids = {poison.event_id for poison in self.poison if poison.event_id} - self.written.keys()
        return [one for one in self.records if (one.partition, one.offset) not in self._injected and one.id not in ids]

    @cached_property
    def _injected(self) -> set[tuple[int, int]]:
        return {(poison.partition, poison.offset) for poison in self.poison}

    @cached_property
    def events(self) -> list[Event]:
        """The genuine ones without repeats: the facts that were told."""
        return first_of_each(self.genuine)

    @cached_property
    def pushed(self) -> list[Pushed]:
        """The journal's topic, repeats too, in order."""
        return sorted(self._all(Pushed), key=lambda one: (one.partition, one.offset))

    @cached_property
    def payment(self) -> PaymentRow | None:
        return self._one(PaymentRow)

    @cached_property
    def job(self) -> JobRow | None:
        return self._one(JobRow)

    @cached_property
    def ticket(self) -> TicketRow | None:
        return self._one(TicketRow)

    @cached_property
    def couriers(self) -> list[str]:
        """Who has the order, as delivery's couriers say."""
        return sorted(row.courier for row in self._all(CourierRow))

    @cached_property
    def parked(self) -> list[ParkedRow]:
        return sorted(self._all(ParkedRow), key=lambda row: (row.consumer, row.topic, row.partition, row.offset))

    @cached_property
    def poison(self) -> list[Poisoned]:
        return self._all(Poisoned)

    @cached_property
    def decided(self) -> list[Decided]:
        return self._all(Decided)

    @cached_property
    def charges(self) -> list[Charge]:
        """The provider's lines, by time."""
        return sorted(self._all(Charge), key=lambda line: line.at)

    @cached_property
    def calls(self) -> list[Called]:
        """By history and line."""
        return sorted(self._all(Called), key=lambda call: (call.file, call.line))

    @cached_property
    def watches(self) -> list[Watched]:
        """Each once, by history and number; of a list's watch the longest it was seen."""
        found: dict[tuple[int, int], Watched] = {}
        for watch in sorted(self._all(Watched), key=lambda one: one.ended):
            found[watch.file, watch.n] = watch
        return [found[key] for key in sorted(found)]

    @cached_property
    def seen(self) -> dict[tuple[int, int], list[Seen]]:
        """(History, watch) → what it showed, in order."""
        found: dict[tuple[int, int], list[Seen]] = {}
        for seen in sorted(self._all(Seen), key=lambda one: (one.file, one.line)):
            found.setdefault((seen.file, seen.n), []).append(seen)
        return found

    @cached_property
    def documents(self) -> dict[int, Document]:
        """Version → document, as the journal has it."""
        found = ((row.version, document(row.payload)) for row in self.journal)
        return {version: one for version, one in found if one is not None}

    @cached_property
    def now(self) -> Document | None:
        """The order's document."""
        return document(self.order.document) if self.order else None

    def data(self, event_id: str) -> dict[str, object]:
        """An event's data; empty where no outbox has it any more."""
        row = self.written.get(event_id)
        return object_of(row.payload) if row else {}

    @cached_property
    def close(self) -> Event | None:
        """The record that ended the order."""
        return next((one for one in self.events if one.type in ("order_cancelled", "order_delivered")), None)

    @property
    def untouched(self) -> bool:
        """Nothing of it is parked, and no event of it was given up by a person: all was left to the system.

        What was injected is no event of it: whoever discards that takes nothing from it.
        """
        discarded = {(one.partition, one.offset) for one in self.decided if one.what == "discarded"}
        return not self.parked and discarded <= self._injected

    def of_type(self, *types: str) -> Iterator[Event]:
        """The topic's events of these types, without repeats."""
        return (one for one in self.events if one.type in types)


def first_of_each(records: Sequence[Event]) -> list[Event]:
    """Without repeats of an id; a record without an id is like no other."""
    found: dict[object, Event] = {}
    for record in records:
        found.setdefault(record.id or (record.partition, record.offset), record)
    return list(found.values())
