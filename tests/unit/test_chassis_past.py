"""What a look at the log's past makes of a broker's answers about a topic."""

from datetime import UTC, datetime
from types import SimpleNamespace
from unittest import mock

import pytest
from confluent_kafka import KafkaError

from chassis.errors import Transient
from chassis.past import Past
from chassis.settings import ServiceSettings


def answered(code: int | None) -> Past:
    """A client whose broker says this of the topic, or nothing wrong."""
    topic = SimpleNamespace(
        error=None if code is None else KafkaError(code), partitions={} if code else {1: None, 0: None}
    )
    client = mock.Mock()
    client.list_topics.return_value = SimpleNamespace(topics={"orders": topic})
    with mock.patch("chassis.past.Consumer", return_value=client):
        return Past(ServiceSettings(database_url="unused", kafka_bootstrap="unused"))


def test_topic_that_is_there_has_partitions() -> None:
    """In order."""
    assert answered(None).partitions("orders") == [0, 1]


def test_topic_that_is_not_there_has_none() -> None:
    """Nothing was ever written to it."""
    assert answered(KafkaError.UNKNOWN_TOPIC_OR_PART).partitions("orders") == []


@pytest.mark.parametrize("code", [KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.LEADER_NOT_AVAILABLE])
def test_topic_that_may_not_be_read_is_not_empty(code: int) -> None:
    """No right to see it, or no broker that leads it: what it holds is not known."""
    with pytest.raises(Transient, match=f"orders: {KafkaError(code).name()}"):
        answered(code).partitions("orders")


def test_partition_that_has_no_leader_is_not_at_its_end() -> None:
    """What was written to it is not known."""
    past = answered(None)
    unknown = SimpleNamespace(topic="orders", error=KafkaError(KafkaError.LEADER_NOT_AVAILABLE))
    past._consumer.offsets_for_times.return_value = [SimpleNamespace(topic="orders", error=None), unknown]  # type: ignore[attr-defined]
    with pytest.raises(Transient, match="orders: LEADER_NOT_AVAILABLE"):
        next(past.since("orders", [0, 1], datetime(2026, 5, 1, tzinfo=UTC)))
