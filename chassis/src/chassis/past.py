"""What topics hold already, read without a group and without a position: for a look at the start, and for repairs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

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
            "fetch.wait.max.ms": 10,  # a question about offsets waits behind the fetch that is under way
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

    def since(self, topic: str, partition: int, moment: datetime | None) -> Iterator[Record]:
        """The records of one partition from the first that was written at this moment or later, as far as it goes now.

        None: from the oldest that is kept.
        """
        begin, end = self._ends(topic, partition)
        if moment is not None and begin < end:
            begin = max(begin, self._at(topic, partition, moment, end))
        self._consumer.assign([TopicPartition(topic, partition, begin)])
        while begin < end:
            record = self._next()
            begin = record.offset + 1
            yield record

    def _next(self) -> Record:
        end = time.monotonic() + ANSWER_SECONDS
        while (message := self._consumer.poll(max(0.0, end - time.monotonic()))) is not None:
            if (error := message.error()) is None:
                return to_record(message)
            if error.code() != KafkaError.GROUP_AUTHORIZATION_FAILED:  # the client asks; it never joins
                raise Transient(f"kafka: {error.name()}: {error.str()}")
        raise Transient(f"kafka: no record within {ANSWER_SECONDS:.0f} s")

    def _ends(self, topic: str, partition: int) -> tuple[int, int]:
        try:
            low, high = self._consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=ANSWER_SECONDS)
        except KafkaException as error:
            raise Transient(f"kafka: {error.args[0].str()}") from error
        return (low, high) if high > low else (0, 0)

    def _at(self, topic: str, partition: int, moment: datetime, end: int) -> int:
        wanted = TopicPartition(topic, partition, int(moment.timestamp() * 1000))
        try:
            (found,) = self._consumer.offsets_for_times([wanted], timeout=ANSWER_SECONDS)
        except KafkaException as error:
            raise Transient(f"kafka: {error.args[0].str()}") from error
        return found.offset if found.offset >= 0 else end
