"""The places this member of the group owns, and how far it has come in each."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from chassis import positions
from chassis.database import Database
from chassis.envelope import Record
from chassis.kafka import Log, Place


class Owned:
    """`saved`: positions as this owner last read or wrote them in Postgres; `ahead`: beyond them, records skipped.

    Used by the consumer's thread only. Methods that touch the database raise Transient.
    """

    def __init__(self, database: Database, log: Log, topics: Sequence[str], forgetful: Collection[str] = ()) -> None:
        """`forgetful`: topics whose old records may be missed: a position that has expired moves to what is left."""
        self._database = database
        self._log = log
        self._topics = topics
        self._forgetful = forgetful
        self.saved: dict[Place, int] = {}
        self.ahead: dict[Place, int] = {}

    def add(self, places: Sequence[Place]) -> dict[Place, int]:
        """Take new places over; -> where to read each from. A place never read before starts at the log's beginning."""
        known = self._load()
        if new := {place: self._log.beginning(place) for place in places if place not in known}:
            with self._database.transaction() as tx:
                positions.start(tx, new)
            known = self._load()
        starts = {place: known[place] for place in places}
        starts |= self._skip_expired({place: at for place, at in starts.items() if place.topic in self._forgetful})
        self.saved.update(starts)
        return starts

    def _skip_expired(self, starts: dict[Place, int]) -> dict[Place, int]:
        """Moves positions before the log's beginning up to it; -> the places that are ours to read from there."""
        left = {place: self._log.beginning(place) for place in starts}
        moves = [positions.Move(place, at, left[place]) for place, at in sorted(starts.items()) if at < left[place]]
        if not moves:
            return {}
        with self._database.transaction() as tx:
            made = {Place(*row) for row in positions.move(tx, moves).fetchall()}
        return {move.place: move.next for move in moves if move.place in made}

    def remove(self, places: Iterable[Place]) -> None:
        """These places belong to another member now."""
        for place in places:
            self.saved.pop(place, None)
            self.ahead.pop(place, None)

    def only(self, records: Sequence[Record]) -> list[Record]:
        """The records of places still owned, without those that are handled already: a place may have come back."""
        return [record for record in records if record.offset >= self.saved.get(place_of(record), record.offset + 1)]

    def moves(self, records: Sequence[Record]) -> list[positions.Move]:
        """The step of every position these records make, sorted by place."""
        after = {place_of(record): record.offset + 1 for record in records}
        return [positions.Move(place, self.saved[place], at) for place, at in sorted(after.items())]

    def moved(self, moves: Iterable[positions.Move]) -> None:
        """These moves were committed."""
        for move in moves:
            self.saved[move.place] = move.next
            if self.ahead.get(move.place, 0) <= move.next:
                self.ahead.pop(move.place, None)

    def passed(self, records: Sequence[Record]) -> None:
        """These records need no handling any more: the position may move beyond them, now or with the next batch."""
        for record in records:
            place = place_of(record)
            if record.offset >= self.saved.get(place, record.offset + 1):
                self.ahead[place] = record.offset + 1

    def write_ahead(self) -> None:
        """Move the positions beyond skipped records."""
        moves = [positions.Move(place, self.saved[place], at) for place, at in sorted(self.ahead.items())]
        if not moves:
            return
        with self._database.transaction() as tx:
            made = {Place(*row) for row in positions.move(tx, moves).fetchall()}
        self.moved(move for move in moves if move.place in made)
        if len(made) < len(moves):
            self.follow()

    def follow(self) -> set[Place]:
        """Another owner was here, or a person moved a position: read on from where the database says.

        -> the places that moved; what was fetched from them must be dropped, it is read again.
        """
        known = self._load()
        lost = {place for place, at in self.saved.items() if known.get(place, at) != at}
        for place in lost:
            self.saved[place] = known[place]
            self.ahead.pop(place, None)
        self._log.seek({place: known[place] for place in lost})
        return lost

    def next(self) -> dict[Place, int]:
        """The offset to read next, per place."""
        return {**self.saved, **self.ahead}

    def _load(self) -> dict[Place, int]:
        with self._database.transaction() as tx:
            return positions.load(tx, self._topics)


def place_of(record: Record) -> Place:
    """Where the record was read."""
    return Place(record.topic, record.partition)
