"""The envelope: CloudEvents 1.0 in the Kafka binding's binary mode (attributes in `ce_*` headers, JSON in the value).

Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import uuid_utils.compat

Headers = Sequence[tuple[str, bytes | None]]
FIRST_VERSION = 1


@dataclass(frozen=True, slots=True)
class Versions:
    """The versions of an event type that a service understands; its handlers see the newest only.

    `steps`: each version but the newest → a function of its shape to the next one's. It decides nothing, asks nobody.
    """

    shapes: Mapping[int, type]
    steps: Mapping[int, Callable[[Any], Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.shapes or set(self.steps) != set(self.shapes) - {max(self.shapes)}:
            raise ValueError("each version but the newest needs a step to the next one, and no other has one")

    @property
    def newest(self) -> type:
        """What handlers see."""
        return self.shapes[max(self.shapes)]

    def lift(self, data: Any, version: int) -> Any:
        """Data as it was written → the newest shape."""
        for step in sorted(known for known in self.steps if known >= version):
            data = self.steps[step](data)
        return data


Reads = Mapping[str, type | Versions]
"""Event type → what its data is read into: a dataclass (version 1, and no other) or the versions that are understood.

Unknown members are ignored; wrong ones, or a version that is not here, make the event poison.
"""


def versions(reading: type | Versions) -> Versions:
    """What `Reads` says of a type, in full."""
    return reading if isinstance(reading, Versions) else Versions({FIRST_VERSION: reading})


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
    """An instance of the newest dataclass that `reads` names for this type."""
    source: str
    at: datetime
    schema_version: int
    """As it was written."""
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
NO_KEY = ""
# W3C Trace Context, 3.2; one that is not so is left out, as it says in 4.3: a trace is no reason to set an event aside.
TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


def key_of(record: Record) -> str:
    """The key as text that a table can hold; NO_KEY for a record without one."""
    return (record.key or b"")[:KEY_BYTES].decode("utf-8", "replace").replace("\x00", "\ufffd")


class Reader:
    """Reads records into events; made once, its decoders are reused. Not tied to a thread."""

    def __init__(self, reads: Reads) -> None:
        self._versions = {name: versions(reading) for name, reading in reads.items()}
        self._decoders: dict[str, dict[int, msgspec.json.Decoder[Any]]] = {
            name: {version: msgspec.json.Decoder(cls) for version, cls in known.shapes.items()}
            for name, known in self._versions.items()
        }

    def read(self, record: Record, attrs: Mapping[str, str]) -> Received:
        """The event; raises Unreadable naming what is wrong. `attrs` is `attributes(record)`."""
        key, value = _readable(record)
        try:
            kind, version = attrs["ce_type"], int(attrs.get("ce_schemaversion", FIRST_VERSION))
            return Received(
                id=UUID(attrs["ce_id"]),
                type=kind,
                key=key.decode(),
                data=self._data(kind, version, value),
                source=attrs["ce_source"],
                at=datetime.fromisoformat(attrs["ce_time"]),
                schema_version=version,
                traceparent=_traceparent(attrs),
                topic=record.topic,
                partition=record.partition,
                offset=record.offset,
            )
        except KeyError as error:
            raise Unreadable(f"header {error} is missing") from error
        except (ValueError, RecursionError, msgspec.DecodeError) as error:
            raise Unreadable(str(error)) from error

    def _data(self, kind: str, version: int, value: bytes) -> Any:
        if (decoders := self._decoders.get(kind)) is None:
            raise Unreadable(f"type {kind} is not read here")
        if (decoder := decoders.get(version)) is None:
            raise Unreadable(
                f"version {version} of {kind} is not understood here, only {', '.join(map(str, decoders))}"
            )
        data = decoder.decode(value)
        if len(decoders) == 1:
            return data
        try:
            return self._versions[kind].lift(data, version)
        except Exception as error:
            raise Unreadable(f"version {version} of {kind}: {type(error).__name__}: {error}") from error


def _readable(record: Record) -> tuple[bytes, bytes]:
    """Key and value, where both are such as an event may have."""
    if not record.key:
        raise Unreadable("the record has no key")
    if len(record.key) > KEY_BYTES or b"\x00" in record.key:
        raise Unreadable(f"the record's key is longer than {KEY_BYTES} bytes, or has a NUL")
    if record.value is None:
        raise Unreadable("the record has no value")
    return record.key, record.value


def _traceparent(attrs: Mapping[str, str]) -> str | None:
    given = attrs.get("traceparent")
    return given if given is not None and TRACEPARENT.fullmatch(given) else None


def encode(data: object) -> bytes:
    """JSON of an event's data, members in the order of the dataclass."""
    return msgspec.json.encode(data)
