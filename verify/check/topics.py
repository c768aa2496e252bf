"""The topics from their beginning to an end that was read before: records into the spill, ticks into a list.

Of a value only a digest is kept: its text stands in the table that it was published from, and is compared by that.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
from confluent_kafka import OFFSET_END, Consumer, KafkaException, Message, TopicPartition

from chassis.kafka import QUIET, Place, Properties
from check import contract, facts
from check.spill import Spill, subject
from check.tables import Range

EVENTS, JOURNAL, TICKS = "orders.events", "orders.journal", "ticks"
BATCH = 2000
WAIT = 1.0  # seconds for a batch that is not full
STILL_SECONDS = 30  # without a record although the end is not reached: the broker is away
REQUEST_SECONDS = 15.0

Ends = Mapping[Place, int]
"""Offsets, by partition."""


class Unreachable(Exception):
    """The broker does not answer; says why."""


class _Versioned(msgspec.Struct):
    version: int


_version = msgspec.json.Decoder(_Versioned).decode
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Tick:
    """A tick as it came out of the log. `written`: its transaction's time; `at`: when change data capture read it."""

    k: int
    written: float
    at: float


@dataclass
class Told:
    """What reading the topics found beside the lines."""

    ticks: list[Tick] = field(default_factory=list)
    records: int = 0


class Topics:
    """A reader of whole topics; joins no group, commits nothing."""

    def __init__(self, properties: Properties) -> None:
        self._consumer = Consumer(
            {
                "group.id": "check",  # the client wants one; with assign and no commits it never joins
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "error",
                "queued.max.messages.kbytes": 16384,
                "fetch.message.max.bytes": 1 << 20,
                **QUIET,
                **properties,
            }
        )

    def close(self) -> None:
        """Closes the connection."""
        self._consumer.close()

    def bounds(self) -> tuple[dict[Place, int], dict[Place, int]]:
        """The oldest kept offset and the end of every partition there is now. Raises Unreachable."""
        low: dict[Place, int] = {}
        high: dict[Place, int] = {}
        with _asking():
            for place in self._places():
                marks = self._consumer.get_watermark_offsets(TopicPartition(*place), timeout=REQUEST_SECONDS)
                low[place], high[place] = int(marks[0]), int(marks[1])
        return low, high

    def _places(self) -> list[Place]:
        known = self._consumer.list_topics(timeout=REQUEST_SECONDS).topics
        return [Place(name, number) for name in contract.topics() if name in known for number in known[name].partitions]

    def read(self, topics: Sequence[str], ends: Ends, since: float = 0.0) -> Iterator[Message]:
        """Every record of these topics before its partition's end, and from `since` on where that is given.

        Raises Unreachable.
        """
        wanted = {place: end for place, end in ends.items() if place.topic in topics}
        starts = self._starts(wanted, since)
        left = {place for place, start in starts.items() if start < wanted[place]}
        self._consumer.assign([TopicPartition(*place, starts[place]) for place in left])
        still = 0
        while left:
            with _asking():
                messages = self._consumer.consume(BATCH, WAIT)
            still = 0 if messages else still + 1
            if still > STILL_SECONDS:
                raise Unreachable(f"nothing more comes out of {len(left)} partitions")
            for message in messages:
                yield from self._one(message, wanted, left)
        self._consumer.unassign()

    def _one(self, message: Message, wanted: Ends, left: set[Place]) -> Iterator[Message]:
        if (error := message.error()) is not None:
            if error.fatal() or not error.retriable():
                raise Unreachable(f"the broker says: {error.str()}")
            return
        place = Place(message.topic() or "", message.partition() or 0)
        offset = message.offset() or 0
        if offset < wanted[place]:
            yield message
        if offset >= wanted[place] - 1:
            left.discard(place)

    def _starts(self, ends: Ends, since: float) -> dict[Place, int]:
        """The first offset of each partition to read."""
        low, _ = self.bounds()
        if not since:
            return {place: low[place] for place in ends}
        asked = [TopicPartition(*place, int(since * 1000)) for place in ends]
        with _asking():
            found = self._consumer.offsets_for_times(asked, timeout=REQUEST_SECONDS)
        # No record that young: nothing of the partition is wanted.
        return {
            Place(one.topic, one.partition): ends[Place(one.topic, one.partition)]
            if one.offset in (OFFSET_END, -1)
            else one.offset
            for one in found
        }


@contextmanager
def _asking() -> Iterator[None]:
    try:
        yield
    except KafkaException as error:
        raise Unreachable(f"the broker does not answer: {error}") from error


@contextmanager
def reading(properties: Properties) -> Iterator[Topics]:
    """A reader, closed at the end."""
    topics = Topics(properties)
    try:
        yield topics
    finally:
        topics.close()


def copy(messages: Iterator[Message], before: Ends, wanted: Range, spill: Spill) -> Told:
    """Records into the spill. `before`: the ends that were read before the tables."""
    told = Told()
    for message in messages:
        told.records += 1
        place = Place(message.topic() or "", message.partition() or 0)
        if place.topic == TICKS:
            told.ticks += _ticks(message)
        else:
            _keep(message, place, (message.offset() or 0) < before.get(place, 0), wanted, spill)
    return told


def _keep(message: Message, place: Place, settled: bool, wanted: Range, spill: Spill) -> None:
    key = (message.key() or b"").decode("utf-8", "replace")
    of_order = place.topic in (EVENTS, JOURNAL)
    if of_order and not wanted.holds(key):
        return
    headers = _headers(message)
    at = message.timestamp()[1] / 1000
    offset = message.offset() or 0
    fact: facts.Fact
    if place.topic == JOURNAL:
        version = version_of(message.value())
        told = (headers.get("ce_id", ""), headers.get("ce_type", ""), version, digest(message.value()))
        fact = facts.Pushed(place.partition, offset, *told, at, settled)
    else:
        schema = headers.get("ce_schemaversion", "")
        said = (headers.get("ce_id", ""), headers.get("ce_type", ""), headers.get("ce_source", ""))
        fact = facts.Event(
            place.partition,
            offset,
            *said,
            int(schema) if schema.isdigit() else 0,
            digest(message.value()),
            at,
            settled,
        )
    spill.add(subject("order" if of_order else place.topic, key), *facts.write(fact))


def _headers(message: Message) -> dict[str, str]:
    pairs: Any = message.headers() or []  # the client's type allows a dict; what it gives is a list
    return {name: value.decode("utf-8", "replace") for name, value in pairs if isinstance(value, bytes)}


def _ticks(message: Message) -> list[Tick]:
    """None for a record that is no tick: it stops nobody's clock."""
    try:
        written = datetime.fromisoformat(_headers(message)["ce_time"]).timestamp()
        return [Tick(int(msgspec.json.decode(message.value() or b"")["k"]), written, message.timestamp()[1] / 1000)]
    except (KeyError, ValueError, TypeError):
        return []


def version_of(value: bytes | None) -> int:
    """A document's version; 0 for what is no document."""
    try:
        return _version(value or b"").version
    except msgspec.DecodeError:
        return 0


def digest(value: bytes | None) -> str:
    """Of a record's value, or of the text it was published from; empty for none."""
    return "" if value is None else hashlib.blake2b(value, digest_size=10).hexdigest()
