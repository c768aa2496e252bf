"""Records that do not belong into the log: repeats of what is there, and what nobody can handle."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from random import Random
from typing import Any

from confluent_kafka import Message

from chaos.broker import Headers, Place, open_broker
from chaos.faults import Fault
from chaos.scene import Scene
from chassis.envelope import new_id

ORDERS = "orders.events"
REPEATED = 200  # records, of each of some partitions
PARTITIONS = 6
HEADS = (1, 3)  # of poison at a time: more would look like a fault that is not the data's
# Type and source of what is made unreadable: every service reads some of them.
TYPES = (
    ("payment_completed", "payment"),
    ("delivery_assigned", "delivery"),
    ("order_accepted", "restaurant"),
    ("order_created", "api"),
    ("order_cancelled", "api"),
)


@dataclass(frozen=True, slots=True)
class Poison:
    """What is wrong with a record; `body` None is a tombstone, the headers here win over the sound ones."""

    body: bytes | None = b'{"attempt":'
    headers: Mapping[str, str | None] = field(default_factory=dict)
    keyed: bool = True
    harmless: bool = False


POISONS: Mapping[str, Poison] = {
    "bad_json": Poison(),
    "wrong_shape": Poison(b'"a text where an object should be"'),
    "wrong_version": Poison(headers={"ce_schemaversion": "the second"}),
    "unknown_type": Poison(b"{}", {"ce_type": "moon_rose"}, harmless=True),
    "huge": Poison(b'"' + b"a" * 900_000 + b'"'),
    "null_key": Poison(keyed=False),
    "deep": Poison(b"[" * 100_000),
    "tombstone": Poison(None),
    "no_id": Poison(headers={"ce_id": None}),
}


def poison(scene: Scene, fault: Fault, dice: Random) -> None:
    """Some records that cannot be handled, each among the events of an open order."""
    orders = scene.until(scene.orders, "an open order to poison")
    for order in dice.sample(orders, min(len(orders), dice.randint(*HEADS))):
        put = partial(_poison, scene, fault.detail, order, dice.choice(TYPES))
        scene.until(put, "the broker to take a poisoned record")


def _poison(scene: Scene, what: str, order: str, type_: tuple[str, str]) -> bool:
    bad, (kind, source) = POISONS[what], type_
    headers = sound(kind, source) | dict(bad.headers)
    given: Headers = [(name, value) for name, value in headers.items() if value is not None]
    with open_broker(scene.stack.kafka_bootstrap) as broker:
        place = broker.put(ORDERS, order if bad.keyed else None, bad.body, given)
    more: dict[str, Any] = {"event_id": headers["ce_id"], **({"consumers": ()} if bad.harmless else {})}
    key, named = order if bad.keyed else "", headers["ce_type"] or ""
    scene.recorder.poison(what, place, key, kind=named, source=source, **more)
    if bad.keyed and not bad.harmless:  # the others are no reason for that order to wait
        scene.poisoned(order)
    return True


def sound(kind: str, source: str) -> dict[str, str | None]:
    """The headers of a sound event of now."""
    at = datetime.now(UTC).isoformat()
    constant = {"ce_specversion": "1.0", "ce_schemaversion": "1", "content-type": "application/json"}
    return {"ce_id": str(new_id()), "ce_source": source, "ce_type": kind, "ce_time": at, **constant}


def repeat(scene: Scene, fault: Fault, dice: Random) -> None:
    """The youngest records of some partitions once more, as they are."""

    def repeated() -> int:
        done = 0
        with open_broker(scene.stack.kafka_bootstrap) as broker:
            count = broker.partitions(fault.part)
            for partition in dice.sample(range(count), min(count, PARTITIONS)):
                records = identified(broker.youngest(Place(fault.part, partition), REPEATED))
                broker.repeat(records)
                done += len(records)
        return done

    scene.until(repeated, f"records of {fault.part} repeated")


def identified(records: Sequence[Message]) -> list[Message]:
    """Those that say who they are. A repeat of one that does not is no repeat: nobody can know it for one."""
    return [one for one in records if "ce_id" in dict(one.headers() or [])]
