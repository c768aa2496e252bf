"""A reader of whole topics: every partition, no group, nothing remembered. For live pushes and for the log's clock."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Literal

from confluent_kafka import Consumer, KafkaException, TopicPartition

from chassis.envelope import Record
from chassis.errors import Fatal, Transient
from chassis.kafka import QUIET, to_record, trouble
from chassis.settings import ServiceSettings
from chassis.telemetry import log

LIMIT = 1000  # records in one call of on_records
WAIT = 0.5  # seconds until stop is seen
STUCK_SECONDS = 60.0
RETRY_SECONDS = 1.0


class Feed:
    """A thread that reads topics from their end (or each partition's last record) and hands over what comes.

    `on_records(records)` is called in that thread with one or more records, in order per partition. `on_reset()` is
    called when reading had to start anew at the end, the first time included: what came before must be read elsewhere.
    The ends are read before anything is handed over, and the feed is ready only then.
    """

    def __init__(
        self,
        settings: ServiceSettings,
        topics: Sequence[str],
        on_records: Callable[[list[Record]], None],
        on_reset: Callable[[], None] = lambda: None,
        start: Literal["end", "last"] = "end",
    ) -> None:
        self._settings = settings
        self.topics = topics
        self._on_records = on_records
        self._on_reset = on_reset
        self._back = 1 if start == "last" else 0
        self._stop = threading.Event()
        self._positioned = False
        self._beat = time.monotonic()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="feed", daemon=True)

    def start(self) -> None:
        """Begin to read; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread; waits for the call of on_records at hand."""
        self._stop.set()
        self._thread.join(timeout=10)

    def alive(self) -> bool:
        """The thread turns."""
        return self._failure is None and time.monotonic() - self._beat < STUCK_SECONDS

    def ready(self) -> str | None:
        """None once every partition's end is known and being read on from."""
        return None if self._positioned else "the ends of the topics are not known yet"

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._read_on(self._consumer())
            except (Transient, Fatal, KafkaException) as error:
                self._positioned = False
                log.warning("reading starts anew", event_key="feed.reset", error=str(error))
                self._stop.wait(RETRY_SECONDS)
            except Exception as error:
                self._failure = error
                log.exception("the feed failed", event_key="feed.failed")
                return

    def _consumer(self) -> Consumer:
        return Consumer(
            {
                "bootstrap.servers": self._settings.kafka_bootstrap,
                "group.id": "unused",  # the client wants one; with assign and no commits it never joins
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "error",
                **QUIET,
                **self._settings.kafka_client(),
            }
        )

    def _read_on(self, consumer: Consumer) -> None:
        try:
            consumer.assign(self._ends(consumer))
            self._positioned = True
            self._on_reset()
            while not self._stop.is_set():
                self._beat = time.monotonic()
                first = consumer.poll(WAIT)
                messages = [] if first is None else [first, *consumer.consume(LIMIT - 1, 0)]
                self._hand_over(messages)
        finally:
            consumer.close()

    def _hand_over(self, messages: Sequence[Any]) -> None:
        """Records first, then the error that came among them: only one that moves the position starts anew."""
        if records := [to_record(message) for message in messages if message.error() is None]:
            self._on_records(records)
        for message in messages:
            if (error := message.error()) is not None and isinstance(found := trouble(error), Fatal):
                raise found

    def _ends(self, consumer: Consumer) -> list[TopicPartition]:
        """Every partition at its end, or at its last record."""
        self._beat = time.monotonic()
        known = consumer.list_topics(timeout=10).topics
        if missing := [topic for topic in self.topics if topic not in known]:
            raise Transient(f"no topic {', '.join(missing)}")
        ends = []
        for topic in self.topics:
            for number in known[topic].partitions:
                low, high = consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=10)
                ends.append(TopicPartition(topic, number, max(low, high - self._back)))
        return ends
