"""Records that no service of ours would write, put into the log of a running system."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from confluent_kafka import Message, Producer

from chassis.envelope import new_id

ORDERS = "orders.events"
OLD = datetime(2026, 1, 1, tzinfo=UTC)
Headers = Mapping[str, str | bytes | None]


@dataclass(frozen=True)
class Bad:
    """A record for an order's key: a type that services read, and what is wrong with it. A header of None is left out.

    `at`: api waits for an order that it cannot see if the event is young; an old one is poison at once.
    """

    kind: str
    source: str
    body: bytes | None = b"{"
    headers: Headers | None = None
    keyed: bool = True
    at: datetime = OLD


@dataclass(frozen=True)
class Put:
    """Where a record was put; `event_id` as its header says it."""

    topic: str
    partition: int
    offset: int
    event_id: str | None


def inject(bootstrap: str, key: str, bad: Bad) -> Put:
    """Put it into the log behind what is there of this key; returns when the broker has it."""
    # The partitioner of Java's clients: a key's records share a partition, whoever writes them.
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "partitioner": "murmur2_random",
            "message.max.bytes": 2_000_000,
            "linger.ms": 0,
        }
    )
    told: list[Message] = []
    rows = [(name, value) for name, value in headers(bad).items() if value is not None]
    given = dict(rows).get("ce_id")
    producer.produce(
        ORDERS,
        key=key if bad.keyed else None,
        value=bad.body,
        headers=list(rows),
        on_delivery=lambda _error, message: told.append(message),
    )
    producer.flush(10)
    assert told, "the broker did not take the record"
    assert told[0].error() is None, told[0].error()
    event_id = given if isinstance(given, str) else None
    return Put(ORDERS, told[0].partition() or 0, told[0].offset() or 0, event_id)


def headers(bad: Bad) -> Headers:
    """A sound envelope but for what is to be wrong."""
    return {
        "ce_specversion": "1.0",
        "ce_id": str(new_id()),
        "ce_type": bad.kind,
        "ce_source": bad.source,
        "ce_time": bad.at.isoformat(),
        "ce_schemaversion": "1",
        **(bad.headers or {}),
    }
