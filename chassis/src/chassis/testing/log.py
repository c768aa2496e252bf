"""An in-memory broker: topics with partitions, groups that share them out, zombies, and errors on demand."""

from __future__ import annotations

import threading
import time
import zlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from chassis.envelope import Event, Record, encode
from chassis.errors import Fatal
from chassis.kafka import OnAssign, OnRevoke, Place


def as_bytes(held: str | bytes | None) -> bytes | None:
    """A header's value as a broker keeps it."""
    return held.encode() if isinstance(held, str) else held


class FakeBroker:
    """Holds the records and the groups. Thread-safe."""

    def __init__(self, topics: Mapping[str, int]) -> None:
        """`topics`: name → number of partitions."""
        self.changed = threading.Condition()
        self._records: dict[Place, list[Record]] = {
            Place(topic, number): [] for topic, count in topics.items() for number in range(count)
        }
        self._beginnings: dict[Place, int] = defaultdict(int)
        self._members: dict[str, list[FakeLog]] = defaultdict(list)
        self.committed: dict[tuple[str, Place], int] = {}

    def log(self, group: str) -> FakeLog:
        """A new client of the group; it joins by `subscribe`."""
        return FakeLog(self, group)

    def publish(self, event: Event, source: str) -> Record:
        """Append the event as the connector would."""
        at = event.at or datetime.now(UTC)
        headers = {
            "ce_specversion": "1.0",
            "ce_id": str(event.id),
            "ce_type": event.type,
            "ce_source": source,
            "ce_time": at.isoformat(),
            "ce_schemaversion": str(event.schema_version),
        }
        return self.append(event.topic, event.key.encode(), encode(event.data), headers)

    def append(
        self, topic: str, key: bytes | None, value: bytes | None, headers: Mapping[str, str | bytes | None]
    ) -> Record:
        """Append any record, also one no producer of ours would write."""
        with self.changed:
            count = sum(place.topic == topic for place in self._records)
            place = Place(topic, zlib.crc32(key or b"") % count)
            kept = self._records[place]
            record = Record(*place, len(kept), key, value, [(name, as_bytes(held)) for name, held in headers.items()])
            kept.append(record)
            self.changed.notify_all()
            return record

    def expire(self, place: Place, before: int) -> None:
        """Forget the records before this offset, as retention does."""
        with self.changed:
            self._beginnings[place] = before

    def beginning(self, place: Place) -> int:
        """The offset of the oldest record kept."""
        return self._beginnings[place]

    def repeat(self, record: Record) -> Record:
        """Append the record once more, as CDC does after a crash."""
        return self.append(record.topic, record.key, record.value, dict(record.headers))

    def expel(self, member: FakeLog) -> None:
        """The group believes the member dead and shares its places out; the member does not know: a zombie."""
        with self.changed:
            self._members[member.group].remove(member)
            self.changed.notify_all()

    def records(self, place: Place) -> list[Record]:
        """Everything in a partition."""
        return self._records[place]

    def join(self, member: FakeLog) -> None:
        """Called by the client."""
        with self.changed:
            self._members[member.group].append(member)
            self.changed.notify_all()

    def leave(self, member: FakeLog) -> None:
        """Called by the client; idempotent."""
        with self.changed:
            if member in self._members[member.group]:
                self._members[member.group].remove(member)
            self.changed.notify_all()

    def share(self, member: FakeLog, topics: Sequence[str]) -> set[Place]:
        """The places that are this member's by the group's present assignment; the former share of a zombie."""
        members = self._members[member.group]
        if member not in members:
            return set(member.places)
        places = sorted(place for place in self._records if place.topic in topics)
        return set(places[members.index(member) :: len(members)])

    def taken(self, member: FakeLog) -> set[Place]:
        """Places that other living members of the group have not given up yet."""
        return {place for other in self._members[member.group] if other is not member for place in other.places}


class FakeLog:
    """`chassis.kafka.Log` in memory."""

    def __init__(self, broker: FakeBroker, group: str) -> None:
        self.group = group
        self.places: dict[Place, int] = {}
        self.failures: list[Exception] = []
        """Raised by the next fetches, one each."""
        self._broker = broker
        self._topics: Sequence[str] = ()
        self._paused: set[Place] = set()

    def subscribe(self, topics: Sequence[str], on_assign: OnAssign, on_revoke: OnRevoke) -> None:
        self._topics, self._on_assign, self._on_revoke = topics, on_assign, on_revoke
        self._broker.join(self)

    def fetch(self, limit: int, wait: float) -> list[Record]:
        if self.failures:
            raise self.failures.pop(0)
        self._rebalance()
        end = time.monotonic() + wait
        with self._broker.changed:
            while not (found := self._queued(limit)) and (left := end - time.monotonic()) > 0:
                self._broker.changed.wait(min(left, 0.05))
        for record in found:
            self.places[Place(record.topic, record.partition)] = record.offset + 1
        return found

    def _rebalance(self) -> None:
        with self._broker.changed:
            share = self._broker.share(self, self._topics)
            gone = [place for place in self.places if place not in share]
            new = sorted(share - set(self.places) - self._broker.taken(self))
        if gone:
            self._on_revoke(gone)
            for place in gone:
                self.places.pop(place)
        if new:
            self.places.update(self._on_assign(new))

    def _queued(self, limit: int) -> list[Record]:
        found: list[Record] = []
        for place, at in self.places.items():
            kept = self._broker.records(place)
            if not self._broker.beginning(place) <= at <= len(kept):
                raise Fatal(f"the position is outside the log: {place} {at}")
            if place not in self._paused:
                found += kept[at : at + limit - len(found)]
        return found

    def seek(self, positions: Mapping[Place, int]) -> None:
        self.places.update(positions)

    def pause(self, places: Sequence[Place]) -> None:
        self._paused |= set(places)

    def resume(self, places: Sequence[Place]) -> None:
        self._paused -= set(places)

    def commit(self, positions: Mapping[Place, int]) -> None:
        for place, at in positions.items():
            self._broker.committed[self.group, place] = at

    def beginning(self, place: Place) -> int:
        return self._broker.beginning(place)

    def lag(self, positions: Mapping[Place, int]) -> dict[Place, int]:
        return {place: len(self._broker.records(place)) - at for place, at in positions.items()}

    def close(self) -> None:
        self._broker.leave(self)
        self.places.clear()
