"""What chaos does to the log, on a real broker: records put and repeated as they are, offsets moved and forgotten."""

import uuid
from collections.abc import Iterator

import pytest
from confluent_kafka import Consumer

from chaos.broker import Broker, BrokerError, Headers, Place, open_broker
from chaos.records import identified
from chassis.topics import create_topics
from ground.ports import free_port
from tests.support.worlds import OwnBroker

PARTITIONS = 3


@pytest.fixture
def broker(real_broker: OwnBroker) -> Iterator[Broker]:
    with open_broker(real_broker.bootstrap) as opened:
        yield opened


@pytest.fixture
def topic(real_broker: OwnBroker) -> str:
    """Of the test's own."""
    name = f"t.{uuid.uuid4().hex[:12]}"
    create_topics(real_broker.bootstrap, {name: {"partitions": PARTITIONS}})
    return name


def read(bootstrap: str, topic: str, group: str) -> Consumer:
    """A member of the group that has read one record and said so."""
    given = {"bootstrap.servers": bootstrap, "group.id": group, "auto.offset.reset": "earliest"}
    member = Consumer(given | {"enable.auto.commit": False, "group.protocol": "consumer"})
    member.subscribe([topic])
    message = member.poll(30)
    assert message is not None
    member.commit(message=message, asynchronous=False)
    return member


def test_record_is_put_among_its_keys(broker: Broker, topic: str) -> None:
    """One key, one partition, one offset after the other; headers and a tombstone as they were given."""
    first = broker.put(topic, "o-1", b"{}", [("ce_type", "order_created")])
    second = broker.put(topic, "o-1", None, [])
    assert second == (topic, first[1], first[2] + 1)
    found = broker.youngest(Place(topic, first[1]), 10)
    assert [(one.key(), one.value(), one.headers()) for one in found] == [
        (b"o-1", b"{}", [("ce_type", b"order_created")]),
        (b"o-1", None, None),
    ]


def test_repeats_are_the_same_records(broker: Broker, topic: str) -> None:
    """The youngest of a partition, in order, at its end."""
    for number in range(5):
        _, partition, _ = broker.put(topic, "o-1", b"%d" % number, [("n", str(number))])
    place = Place(topic, partition)
    broker.repeat(broker.youngest(place, 2))
    assert [one.value() for one in broker.youngest(place, 10)] == [b"0", b"1", b"2", b"3", b"4", b"3", b"4"]
    assert broker.extent(place) == (0, 7)
    assert broker.partitions(topic) == PARTITIONS


def test_offsets_move_while_nobody_is_there(real_broker: OwnBroker, broker: Broker, topic: str) -> None:
    """What a member has committed is moved, and forgotten, once it has left."""
    _, partition, _ = broker.put(topic, "o-1", b"{}", [])
    group, place = f"g.{uuid.uuid4().hex[:12]}", Place(topic, partition)
    read(real_broker.bootstrap, topic, group).close()
    assert broker.committed(group) == {place: 1}
    broker.move(group, {place: 0})
    assert broker.committed(group) == {place: 0}
    broker.forget(group)
    assert broker.committed(group) == {}


def test_missing_broker_is_an_error() -> None:
    """Nobody listens: said as BrokerError, which a fault may meet."""
    with open_broker(f"127.0.0.1:{free_port()}") as broker, pytest.raises(BrokerError):
        broker.committed("anybody")


def test_record_without_an_id_has_no_repeat(broker: Broker, topic: str) -> None:
    """It would be one more poison that nobody has told of."""
    for number in range(3):
        named: Headers = [("ce_id", str(number))] if number != 1 else [("ce_type", "order_created")]
        _, partition, _ = broker.put(topic, "o-1", b"%d" % number, named)
    assert [one.value() for one in identified(broker.youngest(Place(topic, partition), 10))] == [b"0", b"2"]
