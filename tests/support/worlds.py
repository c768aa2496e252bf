"""A log to consume, in memory or on a real broker: one suite runs on both."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from chassis.envelope import Event, Record, encode
from chassis.errors import Transient
from chassis.kafka import KafkaLog, Log, Place
from chassis.settings import ServiceSettings
from chassis.testing import FakeBroker
from chassis.testing.log import as_bytes
from chassis.topics import create_topics
from ground.waiting import until
from tests.support.parts import own_parts

PARTITIONS = 3
Headers = Mapping[str, str | bytes | None]


class World(Protocol):
    """A topic of a test's own, and a group that reads it."""

    topic: str

    def append(self, key: bytes | None, value: bytes | None, headers: Headers) -> Record:
        """Any record, also one no producer of ours would write."""

    def log(self) -> Log:
        """A new member of the group."""

    def committed(self, place: Place) -> int | None:
        """The group's offset."""


def publish(world: World, event: Event, source: str = "outside") -> Record:
    """Append the event as the connector would."""
    headers = {
        "ce_specversion": "1.0",
        "ce_id": str(event.id),
        "ce_type": event.type,
        "ce_source": source,
        "ce_time": (event.at or datetime.now(UTC)).isoformat(),
        "ce_schemaversion": str(event.schema_version),
    }
    return world.append(event.key.encode(), encode(event.data), headers)


def repeat(world: World, record: Record) -> Record:
    """Append the record once more, as CDC does after a crash."""
    return world.append(record.key, record.value, dict(record.headers))


class FakeWorld:
    """In memory."""

    def __init__(self) -> None:
        self.topic = "counted.events"
        self.broker = FakeBroker({self.topic: PARTITIONS})

    def append(self, key: bytes | None, value: bytes | None, headers: Headers) -> Record:
        return self.broker.append(self.topic, key, value, headers)

    def log(self) -> Log:
        return self.broker.log("counting")

    def committed(self, place: Place) -> int | None:
        return self.broker.committed.get(("counting", place))

    def meddle(self, place: Place, offset: int | None) -> None:
        self.broker.committed.pop(("counting", place), None)
        if offset is not None:
            self.broker.committed["counting", place] = offset


class RealWorld:
    """On a real broker, in a topic and a group of its own."""

    def __init__(self, bootstrap: str) -> None:
        self.topic = f"counted.{uuid.uuid4().hex[:12]}"
        self._settings = ServiceSettings(database_url="unused", kafka_bootstrap=bootstrap)
        client = {"bootstrap.servers": bootstrap, "partitioner": "murmur2_random"}
        self._producer = Producer({**client, "linger.ms": 0, "message.max.bytes": 2_000_000})
        self._admin = AdminClient({"bootstrap.servers": bootstrap})
        create_topics(bootstrap, {self.topic: {"partitions": PARTITIONS}})

    def append(self, key: bytes | None, value: bytes | None, headers: Headers) -> Record:
        done: list[Message] = []
        rows = [(name, as_bytes(held)) for name, held in headers.items()]
        self._producer.produce(
            self.topic,
            key=key,
            value=value,
            headers=list(rows),
            on_delivery=lambda _error, message: done.append(message),
        )
        self._producer.flush(10)
        return Record(self.topic, done[0].partition() or 0, done[0].offset() or 0, key, value, rows)

    def log(self) -> Log:
        return KafkaLog(self._settings, group=self.topic)

    def committed(self, place: Place) -> int | None:
        wanted = [ConsumerGroupTopicPartitions(self.topic, [TopicPartition(*place)])]
        (future,) = self._admin.list_consumer_group_offsets(wanted).values()
        try:
            return int(future.result().topic_partitions[0].offset)
        except KafkaException:  # a broker that has just started loads its coordinators first
            return None


@dataclass(frozen=True)
class OwnBroker:
    """A broker without anything else."""

    bootstrap: str


@contextmanager
def running_broker() -> Iterator[OwnBroker]:
    """A real broker of one's own, gone with its data at the end."""
    with own_parts() as parts:
        parts.start("kafka")
        until(lambda: _answers(parts.kafka), 60, "the broker")
        yield OwnBroker(parts.kafka)


def _answers(bootstrap: str) -> bool:
    try:
        create_topics(bootstrap, {})
    except Transient:
        return False
    return True
