"""Kafka's own offsets of our groups, moved and forgotten while no member is there. They should mean nothing."""

from collections.abc import Callable
from random import Random

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient

from chaos.faults import Fault
from chaos.scene import Scene

GROUPS = {"api-projector": "api"}  # the others have the process's name
ASK_SECONDS = 10.0
BACK = 300  # records a partition

Where = Callable[[int, int], int]
"""From the first offset of a partition and the one behind its last."""


def rewind(scene: Scene, fault: Fault, _dice: Random) -> None:
    """To what was handled long ago."""
    _move(scene, fault.part, lambda low, high: max(low, high - BACK))


def advance(scene: Scene, fault: Fault, _dice: Random) -> None:
    """To the end: as if all had been handled."""
    _move(scene, fault.part, lambda _low, high: high)


def forget(scene: Scene, fault: Fault, _dice: Random) -> None:
    """As if the group had been away for too long."""
    group = GROUPS.get(fault.part, fault.part)
    with scene.stopped(fault.part):
        scene.until(lambda: _deleted(_admin(scene), group), f"group {group} deleted")


def _move(scene: Scene, process: str, where: Where) -> None:
    group = GROUPS.get(process, process)
    with scene.stopped(process):
        scene.until(lambda: _altered(scene, group, where), f"the offsets of group {group} altered")


def _altered(scene: Scene, group: str, where: Where) -> bool:
    """Refused while a member is there."""
    admin = _admin(scene)
    asked = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])
    known = asked[group].result(ASK_SECONDS).topic_partitions
    consumer = Consumer({"bootstrap.servers": scene.stack.kafka_bootstrap, "group.id": "chaos", "log_level": 0})
    try:
        moved = [_at(consumer, one, where) for one in known]
    finally:
        consumer.close()
    altered = admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(group, moved)])
    altered[group].result(ASK_SECONDS)
    return True


def _at(consumer: Consumer, one: TopicPartition, where: Where) -> TopicPartition:
    low, high = consumer.get_watermark_offsets(one, timeout=ASK_SECONDS)
    return TopicPartition(one.topic, one.partition, where(low, high))


def _deleted(admin: AdminClient, group: str) -> bool:
    admin.delete_consumer_groups([group])[group].result(ASK_SECONDS)
    return True


def _admin(scene: Scene) -> AdminClient:
    return AdminClient({"bootstrap.servers": scene.stack.kafka_bootstrap, "log_level": 0})
