"""Topics on a real broker: made once by however many, never with other partitions."""

import threading
import uuid
from collections.abc import Iterator

import pytest

from chassis.errors import Fatal
from chassis.topics import Unreachable, create_topics, partitions
from ground.ports import free_port
from tests.support.worlds import running_broker


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    """The address of a broker."""
    with running_broker() as process:
        yield process.bootstrap


def names(count: int) -> list[str]:
    """Topics of a test's own."""
    return [f"t.{uuid.uuid4().hex[:12]}" for _ in range(count)]


def test_many_at_once_make_each_once(broker: str) -> None:
    """Whoever was second finds it made: no error, and nobody claims what another did."""
    wanted = {name: {"partitions": 2} for name in names(6)}
    made: list[str] = []
    start = threading.Barrier(4)

    def create() -> None:
        start.wait()
        made.extend(create_topics(broker, wanted))

    threads = [threading.Thread(target=create) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == sorted(wanted)
    assert create_topics(broker, wanted) == []


def test_other_number_of_partitions_is_refused(broker: str) -> None:
    """All that differ are named, and then none is made."""
    one, two, absent = names(3)
    create_topics(broker, {one: {"partitions": 1}, two: {"partitions": 2}})
    wanted = {one: {"partitions": 3}, two: {"partitions": 3}, absent: {"partitions": 3}}
    with pytest.raises(Fatal, match=rf"Topic {one} has 1 partitions; it must have 3\.\nTopic {two} has 2"):
        create_topics(broker, wanted)
    assert absent not in partitions(broker)


def test_settings_of_a_topic_are_the_brokers_to_check(broker: str) -> None:
    """What it refuses is said with the topic's name."""
    (name,) = names(1)
    with pytest.raises(Exception, match=rf"topic {name}: INVALID_CONFIG"):
        create_topics(broker, {name: {"partitions": 1, "config": {"retention.ms": "for ever"}}})


def test_nobody_there_says_why() -> None:
    """The address, and what the connection met, instead of a time-out."""
    port = free_port()
    with pytest.raises(Unreachable, match=rf"kafka at 127\.0\.0\.1:{port}: _TRANSPORT: .*Connection refused"):
        partitions(f"127.0.0.1:{port}", seconds=0.5)
