"""The broker, as an outsider sees it; the only module of chaos that speaks Kafka. Every call may raise BrokerError."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple, TypeVar

from confluent_kafka import (
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient

ASK_SECONDS = 10.0
LOOK_SECONDS = 0.3
# The partitioner of Java's clients: a key's records share a partition, whoever writes them. Whether a record is there
# is known before nobody waits for it any more.
WRITING = {"partitioner": "murmur2_random", "message.max.bytes": 1_000_000, "message.timeout.ms": 8000}

Headers = list[tuple[str, str | bytes | None]]
T = TypeVar("T")


class BrokerError(Exception):
    """It did not answer, or refused; says what."""


class Place(NamedTuple):
    """One partition."""

    topic: str
    partition: int


class Broker:
    """Its connections are closed by `close`, or at the end of `open_broker`."""

    def __init__(self, bootstrap: str) -> None:
        common: dict[str, str | int | float | bool] = {"bootstrap.servers": bootstrap, "log_level": 0}
        self._reader = Consumer({**common, "group.id": "chaos", "enable.auto.commit": False})
        self._writer = Producer({**common, **WRITING})
        self._admin = AdminClient(common)

    def close(self) -> None:
        """No call may follow."""
        self._reader.close()

    def partitions(self, topic: str) -> int:
        """How many there are."""
        known = _asked(lambda: self._reader.list_topics(topic, timeout=ASK_SECONDS))
        return len(known.topics[topic].partitions)

    def extent(self, place: Place) -> tuple[int, int]:
        """The first offset, and the one behind the last."""
        return _asked(lambda: self._reader.get_watermark_offsets(TopicPartition(*place), timeout=ASK_SECONDS))

    def youngest(self, place: Place, most: int) -> Sequence[Message]:
        """The last records of a partition, as far as they come in time."""
        low, high = self.extent(place)
        first, found = max(low, high - most), list[Message]()
        _asked(lambda: self._reader.assign([TopicPartition(*place, first)]))
        deadline = time.monotonic() + ASK_SECONDS
        while len(found) < high - first and time.monotonic() < deadline:
            found += [one for one in _asked(lambda: self._reader.consume(most, LOOK_SECONDS)) if one.error() is None]
        return found[: high - first]

    def repeat(self, records: Sequence[Message]) -> None:
        """Writes records once more, each where it was read and as it is."""
        for one in records:
            self._writer.produce(one.topic() or "", one.value(), one.key(), one.partition() or 0, headers=one.headers())
            self._writer.poll(0)
        if _asked(lambda: self._writer.flush(ASK_SECONDS)):
            raise BrokerError("the broker did not take the repeats")

    def put(self, topic: str, key: str | None, body: bytes | None, headers: Headers) -> tuple[str, int, int]:
        """Writes one record; -> where it is."""
        told: list[tuple[object, Message]] = []
        self._writer.produce(topic, body, key, headers=headers, on_delivery=lambda *both: told.append(both))
        _asked(lambda: self._writer.flush(ASK_SECONDS))
        if not told or told[0][0]:
            raise BrokerError(f"the broker did not take the record: {told[0][0] if told else 'no answer'}")
        sent = told[0][1]
        return topic, sent.partition() or 0, sent.offset() or 0

    def committed(self, group: str) -> dict[Place, int]:
        """The group's own offsets."""
        wanted = [ConsumerGroupTopicPartitions(group)]
        known = _asked(lambda: self._admin.list_consumer_group_offsets(wanted)[group].result(ASK_SECONDS))
        return {Place(one.topic, one.partition): one.offset for one in known.topic_partitions}

    def move(self, group: str, offsets: Mapping[Place, int]) -> None:
        """For members that come later."""
        moved = [TopicPartition(*place, offset) for place, offset in offsets.items()]
        wanted = [ConsumerGroupTopicPartitions(group, moved)]
        _asked(lambda: self._admin.alter_consumer_group_offsets(wanted)[group].result(ASK_SECONDS))

    def forget(self, group: str) -> None:
        """Refused while a member is there."""
        _asked(lambda: self._admin.delete_consumer_groups([group])[group].result(ASK_SECONDS))


@contextmanager
def open_broker(bootstrap: str) -> Iterator[Broker]:
    """For one conversation."""
    broker = Broker(bootstrap)
    try:
        yield broker
    finally:
        broker.close()


def _asked(ask: Callable[[], T]) -> T:
    try:
        return ask()
    except (KafkaException, BufferError, TimeoutError) as error:
        raise BrokerError(f"kafka: {error}") from error
