"""Records that do not belong into the log: repeats of what is there, and what nobody can handle."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random

from confluent_kafka import Consumer, Message, Producer, TopicPartition

from chaos.faults import Fault
from chaos.scene import Scene
from chassis.envelope import new_id

Headers = list[tuple[str, str | bytes | None]]
ORDERS = "orders.events"
ASK_SECONDS = 10.0
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
    orders = list(scene.orders())
    bad = POISONS[fault.detail]
    producer = _producer(scene)
    for order in dice.sample(orders, min(len(orders), dice.randint(*HEADS))):
        kind, source = dice.choice(TYPES)
        headers = sound(kind, source) | dict(bad.headers)
        sent = _send(producer, ORDERS, order if bad.keyed else None, bad.body, list(headers.items()))
        more = {"consumers": ()} if bad.harmless else {}
        scene.recorder.poison(
            fault.detail,
            (ORDERS, sent.partition() or 0, sent.offset() or 0),
            order if bad.keyed else "",
            kind=headers["ce_type"] or "",
            source=source,
            event_id=headers["ce_id"],
            **more,
        )
        scene.poisoned(order)


def sound(kind: str, source: str) -> dict[str, str | None]:
    """The headers of a sound event of now."""
    at = datetime.now(UTC).isoformat()
    constant = {"ce_specversion": "1.0", "ce_schemaversion": "1", "content-type": "application/json"}
    return {"ce_id": str(new_id()), "ce_source": source, "ce_type": kind, "ce_time": at, **constant}


def repeat(scene: Scene, fault: Fault, dice: Random) -> None:
    """The youngest records of some partitions once more, as they are."""
    consumer = Consumer({"bootstrap.servers": scene.stack.kafka_bootstrap, "group.id": "chaos", "log_level": 0})
    producer = _producer(scene)
    try:
        count = len(consumer.list_topics(fault.part, timeout=ASK_SECONDS).topics[fault.part].partitions)
        for partition in dice.sample(range(count), min(count, PARTITIONS)):
            for message in _youngest(consumer, TopicPartition(fault.part, partition)):
                _again(producer, message)
        if producer.flush(ASK_SECONDS):
            raise RuntimeError("the broker did not take the repeats")
    finally:
        consumer.close()


def _youngest(consumer: Consumer, place: TopicPartition) -> Sequence[Message]:
    low, high = consumer.get_watermark_offsets(place, timeout=ASK_SECONDS)
    first = max(low, high - REPEATED)
    consumer.assign([TopicPartition(place.topic, place.partition, first)])
    found: list[Message] = []
    deadline = time.monotonic() + ASK_SECONDS
    while len(found) < high - first and time.monotonic() < deadline:
        found += [one for one in consumer.consume(high - first - len(found), 0.5) if one.error() is None]
    return found


def _again(producer: Producer, message: Message) -> None:
    producer.produce(
        message.topic() or "",
        key=message.key(),
        value=message.value(),
        headers=message.headers(),
        partition=message.partition() or 0,
    )
    producer.poll(0)


def _send(producer: Producer, topic: str, key: str | None, body: bytes | None, headers: Headers) -> Message:
    """Returns when the broker has it, with its place."""
    told: list[Message] = []
    given: Headers = [(name, value) for name, value in headers if value is not None]
    producer.produce(topic, key=key, value=body, headers=given, on_delivery=lambda _error, sent: told.append(sent))
    producer.flush(ASK_SECONDS)
    if not told or (error := told[0].error()):
        raise RuntimeError(f"the broker did not take the record: {error if told else 'no answer'}")
    return told[0]


def _producer(scene: Scene) -> Producer:
    # The partitioner of Java's clients: a key's records share a partition, whoever writes them.
    own = {"partitioner": "murmur2_random", "message.max.bytes": 1_000_000, "log_level": 0}
    return Producer({"bootstrap.servers": scene.stack.kafka_bootstrap, **own})
