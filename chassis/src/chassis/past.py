"""What topics hold already, read without a group and without a position: for a look at the start, and for repairs."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from chassis.envelope import Record
from chassis.errors import Transient
from chassis.kafka import QUIET, to_record
from chassis.settings import KafkaSettings

THERE_SECONDS = 2.0  # to know whether a broker is
ANSWER_SECONDS = 5.0  # of one that is


class Past:
    """A reading client of its own. Every method raises Transient when the broker does not answer in time."""

    def __init__(self, settings: KafkaSettings) -> None:
        fixed: dict[str, Any] = {
            "bootstrap.servers": settings.kafka_bootstrap,
            "group.id": "unused",  # the client wants one; with assign and no commits it never joins
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 10,  # until an end is told; a question about offsets waits behind a fetch, too
        }
        self._consumer = Consumer({**fixed, **QUIET, **settings.kafka_client()})

    def close(self) -> None:
        """Leave the broker."""
        self._consumer.close()

    def partitions(self, topic: str) -> list[int]:
        """Empty when there is no such topic. One that may not be read, or not now, is Transient."""
        try:
            known = self._consumer.list_topics(topic, timeout=THERE_SECONDS).topics[topic]
        except KafkaException as error:
            raise Transient(f"kafka: {error.args[0].str()}") from error
        if known.error is not None and known.error.code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
            raise Transient(f"kafka: {topic}: {known.error.name()}: {known.error.str()}")
        return sorted(known.partitions)

    def since(self, topic: str, partitions: Sequence[int], moment: datetime | None) -> Iterator[Record]:
        """The records of these partitions, each in its order, as far as it goes when it is read.

        They begin with the first that was written at this moment or later; None: with the oldest that is kept.
        """
        unread = set(partitions)
        self._consumer.assign(self._begins(topic, partitions, moment))
        while unread:
            message = self._next()
            if message.error() is None:
                yield to_record(message)
            else:
                ended = message.partition() or 0
                unread.discard(ended)
                # What comes to it now would keep a read alive that waits in vain for another partition.
                self._consumer.incremental_unassign([TopicPartition(topic, ended)])

    def _begins(self, topic: str, partitions: Sequence[int], moment: datetime | None) -> list[TopicPartition]:
        at = OFFSET_BEGINNING if moment is None else int(moment.timestamp() * 1000)
        wanted = [TopicPartition(topic, number, at) for number in partitions]
        if moment is None or not wanted:
            return wanted
        try:
            found = self._consumer.offsets_for_times(wanted, timeout=ANSWER_SECONDS)
        except KafkaException as error:
            raise Transient(f"kafka: {error.args[0].str()}") from error
        for place in found:
            if place.error is not None:
                raise Transient(f"kafka: {place.topic}: {place.error.name()}: {place.error.str()}")
        return found

    def _next(self) -> Message:
        """A record, or that a partition is at its end."""
        end = time.monotonic() + ANSWER_SECONDS
        while (message := self._consumer.poll(max(0.0, end - time.monotonic()))) is not None:
            error = message.error()
            if error is None or error.code() == KafkaError._PARTITION_EOF:
                return message
            if error.code() != KafkaError.GROUP_AUTHORIZATION_FAILED:  # the client asks; it never joins
                raise Transient(f"kafka: {error.name()}: {error.str()}")
        raise Transient(f"kafka: no record within {ANSWER_SECONDS:.0f} s")
