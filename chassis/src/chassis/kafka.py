"""A consumer in a group; `feed` reads whole topics, `topics` makes them, and nobody else speaks to Kafka.

One thread owns a consumer. Waiting is always `poll` for the first record, then `consume(n, 0)` for what is queued
behind it: `consume(n, t)` alone returns only when n records are there or t has passed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from confluent_kafka import (
    OFFSET_INVALID,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from chassis.envelope import Record
from chassis.errors import Fatal, Transient
from chassis.settings import ServiceSettings

Properties = Mapping[str, str | int | float | bool]

# librdkafka prints a line for each failed reconnect; twenty a second while a broker restarts is noise.
QUIET: dict[str, Any] = {"reconnect.backoff.max.ms": 2000, "log_level": 3, "logger": logging.getLogger("librdkafka")}


class Place(NamedTuple):
    """One partition of one topic."""

    topic: str
    partition: int


OnAssign = Callable[[Sequence[Place]], Mapping[Place, int]]
OnRevoke = Callable[[Sequence[Place]], None]


class Log(Protocol):
    """What the consumer loop needs of a broker's client; every call from one thread.

    Implemented by KafkaLog on a real broker and by chassis.testing.FakeLog in memory.
    """

    def subscribe(self, topics: Sequence[str], on_assign: OnAssign, on_revoke: OnRevoke) -> None:
        """Join the group. Inside `fetch`, `on_assign` is given new places and returns the offset to read each from."""

    def fetch(self, limit: int, wait: float) -> list[Record]:
        """Up to `limit` records, in order per place; waits up to `wait` seconds for the first. Raises Transient."""

    def seek(self, positions: Mapping[Place, int]) -> None:
        """Read these places on from these offsets."""

    def pause(self, places: Sequence[Place]) -> None:
        """Fetch nothing from these places until `resume`; `fetch` must still be called."""

    def resume(self, places: Sequence[Place]) -> None:
        """Undo `pause`."""

    def commit(self, positions: Mapping[Place, int]) -> None:
        """Tell the group how far this member has come, without waiting: for lag and scaling only."""

    def beginning(self, place: Place) -> int:
        """The offset of the oldest record kept. Raises Transient."""

    def lag(self, positions: Mapping[Place, int]) -> dict[Place, int]:
        """Records behind each position, as last heard from the broker; places not heard of are left out."""

    def close(self) -> None:
        """Leave the group."""


def to_record(message: Message) -> Record:
    """Our own frozen type from the client's."""
    return Record(
        message.topic() or "",
        message.partition() or 0,
        message.offset() or 0,
        message.key(),
        message.value(),
        message.headers() or [],  # type: ignore[arg-type]
    )


def trouble(error: KafkaError) -> Exception:
    """A position outside the log is never guessed at; everything else passes."""
    if error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):
        return Fatal(f"the position is outside the log ({error.str()}): set it in table position, or restore the topic")
    if error.fatal():
        return Fatal(f"kafka: {error.str()}")
    return Transient(f"kafka: {error.name()}: {error.str()}")


class KafkaLog:
    """`Log` on a real broker: a member of group `group`, by the KIP-848 protocol."""

    def __init__(self, settings: ServiceSettings, group: str) -> None:
        self._failed: KafkaError | None = None  # met behind records that were returned; raised by the next fetch
        self._consumer = Consumer(
            {
                "bootstrap.servers": settings.kafka_bootstrap,
                "group.id": group,
                "group.protocol": "consumer",
                "client.id": group,
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "error",
                "allow.auto.create.topics": False,
                **QUIET,
                **settings.kafka_client(),
            }
        )

    def subscribe(self, topics: Sequence[str], on_assign: OnAssign, on_revoke: OnRevoke) -> None:
        def assigned(consumer: Consumer, partitions: list[TopicPartition]) -> None:
            starts = on_assign([Place(p.topic, p.partition) for p in partitions])
            consumer.incremental_assign([TopicPartition(p.topic, p.partition, at) for p, at in starts.items()])

        def revoked(consumer: Consumer, partitions: list[TopicPartition]) -> None:
            on_revoke([Place(p.topic, p.partition) for p in partitions])
            consumer.incremental_unassign(partitions)

        self._consumer.subscribe(list(topics), on_assign=assigned, on_revoke=revoked, on_lost=revoked)

    def fetch(self, limit: int, wait: float) -> list[Record]:
        if self._failed is not None:
            failed, self._failed = self._failed, None
            raise trouble(failed)
        try:
            first = self._consumer.poll(wait)
            messages = [] if first is None else [first, *self._consumer.consume(limit - 1, 0)]
        except KafkaException as error:
            # A record may have been taken already, or an assignment be half done: a new start knows its place.
            raise Fatal(f"kafka: {error}") from error
        # An error among records must not cost them: the client counts them as delivered and would go on behind them.
        failures = [failure for message in messages if (failure := message.error()) is not None]
        records = [to_record(message) for message in messages if message.error() is None]
        self._failed = failures[0] if failures else None
        return records or (self.fetch(limit, 0) if failures else [])

    def seek(self, positions: Mapping[Place, int]) -> None:
        for place, offset in positions.items():
            self._consumer.seek(TopicPartition(*place, offset))

    def pause(self, places: Sequence[Place]) -> None:
        self._consumer.pause([TopicPartition(*place) for place in places])

    def resume(self, places: Sequence[Place]) -> None:
        self._consumer.resume([TopicPartition(*place) for place in places])

    def commit(self, positions: Mapping[Place, int]) -> None:
        self._consumer.commit(offsets=[TopicPartition(*p, at) for p, at in positions.items()], asynchronous=True)

    def beginning(self, place: Place) -> int:
        try:
            low, _ = self._consumer.get_watermark_offsets(TopicPartition(*place), timeout=5)
        except KafkaException as error:
            raise trouble(error.args[0]) from error
        return int(low)

    def lag(self, positions: Mapping[Place, int]) -> dict[Place, int]:
        behind = {}
        for place, at in positions.items():
            marks = self._consumer.get_watermark_offsets(TopicPartition(*place), cached=True)
            if marks is not None and marks[1] not in (OFFSET_INVALID, -1):
                behind[place] = max(0, int(marks[1]) - at)
        return behind

    def close(self) -> None:
        self._consumer.close()


__all__ = ["KafkaLog", "Log", "Place", "to_record", "trouble"]
