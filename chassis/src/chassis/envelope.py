"""The envelope: CloudEvents 1.0 in the Kafka binding's binary mode (attributes in `ce_*` headers, JSON in the value).

Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import uuid_utils.compat

Headers = Sequence[tuple[str, bytes | None]]
Reads = Mapping[str, type]
"""Event type → the dataclass its data is read into. Unknown members are ignored, wrong ones make the event poison."""


def new_id() -> UUID:
    """UUIDv7: sorts by time of making, which is not the order of commits."""
    return uuid_utils.compat.uuid7()


@dataclass(frozen=True, slots=True)
class Event:
    """An event to be published: a fact in the past tense, immutable. `data` is a dataclass or a mapping."""

    topic: str
    key: str
    type: str
    data: Any
    id: UUID = field(default_factory=new_id)
    schema_version: int = 1
    traceparent: str | None = None
    at: datetime | None = None
    """When it happened; None: the transaction's time."""


@dataclass(frozen=True, slots=True)
class Record:
    """One Kafka record as it was fetched."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers


@dataclass(frozen=True, slots=True)
class Received:
    """An event as it was read, with the place it was read from."""

    id: UUID
    type: str
    key: str
    data: Any
    """An instance of the dataclass that `reads` names for this type."""
    source: str
    at: datetime
    schema_version: int
    traceparent: str | None
    topic: str
    partition: int
    offset: int


class Unreadable(Exception):
    """A record of a wanted type that does not keep the envelope or the schema; says why."""


def attributes(record: Record) -> dict[str, str]:
    """The record's headers as text, without those that are null or not UTF-8."""
    return {name: value.decode("utf-8", "replace") for name, value in record.headers if value is not None}


KEY_BYTES = 200  # as the outbox's CHECK says


def key_of(record: Record) -> str:
    """The key as text that a table can hold; the empty string for a record without one (such records share a fate)."""
    return (record.key or b"")[:KEY_BYTES].decode("utf-8", "replace").replace("\x00", "\ufffd")


class Reader:
    """Reads records into events; made once, its decoders are reused. Not tied to a thread."""

    def __init__(self, reads: Reads) -> None:
        self._decoders: dict[str, msgspec.json.Decoder[Any]] = {
            name: msgspec.json.Decoder(cls) for name, cls in reads.items()
        }

    def read(self, record: Record, attrs: Mapping[str, str]) -> Received:
        """The event; raises Unreadable naming what is wrong. `attrs` is `attributes(record)`."""
        if not record.key:
            raise Unreadable("the record has no key")
        if len(record.key) > KEY_BYTES or b"\x00" in record.key:
            raise Unreadable(f"the record's key is longer than {KEY_BYTES} bytes, or has a NUL")
        if record.value is None:
            raise Unreadable("the record has no value")
        try:
            return Received(
                id=UUID(attrs["ce_id"]),
                type=attrs["ce_type"],
                key=record.key.decode(),
                data=self._decoders[attrs["ce_type"]].decode(record.value),
                source=attrs["ce_source"],
                at=datetime.fromisoformat(attrs["ce_time"]),
                schema_version=int(attrs.get("ce_schemaversion", "1")),
                traceparent=attrs.get("traceparent"),
                topic=record.topic,
                partition=record.partition,
                offset=record.offset,
            )
        except KeyError as error:
            raise Unreadable(f"header {error} is missing") from error
        except (ValueError, RecursionError, msgspec.DecodeError) as error:
            raise Unreadable(str(error)) from error


def encode(data: object) -> bytes:
    """JSON of an event's data, members in the order of the dataclass."""
    return msgspec.json.encode(data)
