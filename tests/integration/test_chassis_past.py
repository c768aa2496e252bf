"""Reading what topics hold already, on a real broker."""

import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from confluent_kafka import Producer

from chassis.past import Past
from chassis.settings import KafkaSettings
from chassis.topics import create_topics
from tests.support.worlds import OwnBroker

PARTITIONS = [0, 1, 2]
START = datetime(2026, 5, 1, tzinfo=UTC)


class Topic:
    """One topic of three partitions; a record's time is START and as many minutes as its number."""

    def __init__(self, bootstrap: str) -> None:
        self.name = f"past-{uuid4().hex[:8]}"
        create_topics(bootstrap, {self.name: {"partitions": len(PARTITIONS)}})
        self._producer = Producer({"bootstrap.servers": bootstrap})
        self.settings = KafkaSettings(kafka_bootstrap=bootstrap)

    def write(self, partition: int, *numbers: int) -> None:
        """Records with these numbers as value."""
        for number in numbers:
            at = START + timedelta(minutes=number)
            milliseconds = int(at.timestamp() * 1000)
            self._producer.produce(self.name, str(number).encode(), partition=partition, timestamp=milliseconds)
        assert self._producer.flush(20) == 0

    def since(self, number: int | None, partitions: list[int] = PARTITIONS) -> dict[int, list[int]]:
        """Partition → numbers that were read."""
        moment = None if number is None else START + timedelta(minutes=number)
        found: dict[int, list[int]] = {}
        with closing(Past(self.settings)) as past:
            for record in past.since(self.name, partitions, moment):
                found.setdefault(record.partition, []).append(int(record.value or b""))
        return found


@pytest.fixture
def topic(real_broker: OwnBroker) -> Topic:
    """With nothing in its last partition."""
    made = Topic(real_broker.bootstrap)
    made.write(0, *range(0, 2000, 2))
    made.write(1, *range(1, 1000, 2))
    return made


def test_all_partitions_are_read_in_their_order(topic: Topic) -> None:
    """To the end of each, the empty one too."""
    assert topic.since(None) == {0: list(range(0, 2000, 2)), 1: list(range(1, 1000, 2))}


def test_partitions_that_were_not_asked_for_are_not_read(topic: Topic) -> None:
    """Nor those of the question before."""
    assert topic.since(None, [1]) == {1: list(range(1, 1000, 2))}
    assert topic.since(None, []) == {}


def test_reading_begins_with_the_moment(topic: Topic) -> None:
    """At it, or behind it; a partition that ends before has nothing to say."""
    assert topic.since(1990) == {0: [1990, 1992, 1994, 1996, 1998]}
    assert topic.since(995) == {0: list(range(996, 2000, 2)), 1: [995, 997, 999]}
    assert topic.since(5000) == {}


def test_one_client_answers_again(topic: Topic) -> None:
    """A partition that was read to its end is read anew."""
    with closing(Past(topic.settings)) as past:
        reads = [len(list(past.since(topic.name, PARTITIONS, None))) for _ in range(2)]
    assert reads == [1500, 1500]


@pytest.fixture
def writing(topic: Topic) -> Iterator[None]:
    """Somebody who goes on and on."""
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            topic.write(0, 1)

    thread = threading.Thread(target=write)
    thread.start()
    yield
    stop.set()
    thread.join()


@pytest.mark.usefixtures("writing")
@pytest.mark.timeout(30)
def test_reading_ends_while_others_write(topic: Topic) -> None:
    """As far as it goes, not for ever."""
    found = topic.since(None)
    assert found[1] == list(range(1, 1000, 2))
    assert len(found[0]) >= 1000
