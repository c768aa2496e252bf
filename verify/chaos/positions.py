"""Kafka's own offsets of our groups, moved and forgotten while no member is there. They should mean nothing."""

from collections.abc import Callable
from random import Random

from chaos.broker import Broker, BrokerError, open_broker
from chaos.faults import Fault
from chaos.scene import Scene

GROUPS = {"api-projector": "api"}  # the others have the process's name
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
    _while_away(scene, fault.part, lambda broker, group: broker.forget(group))


def _move(scene: Scene, process: str, where: Where) -> None:
    def moved(broker: Broker, group: str) -> None:
        if not (known := broker.committed(group)):
            raise BrokerError(f"group {group} has committed nothing that could be moved")
        broker.move(group, {place: where(*broker.extent(place)) for place in known})

    _while_away(scene, process, moved)


def _while_away(scene: Scene, process: str, change: Callable[[Broker, str], None]) -> None:
    group = GROUPS.get(process, process)

    def changed() -> bool:
        with open_broker(scene.stack.kafka_bootstrap) as broker:
            change(broker, group)
        return True

    with scene.stopped(process):
        scene.until(changed, f"the offsets of group {group} changed")
