"""The envelope: what is read, and what is refused."""

from dataclasses import dataclass

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary_event
from cloudevents.core.formats.json import JSONFormat

from chassis.envelope import Event, Reader, Record, Unreadable, attributes, new_id
from chassis.testing import FakeBroker


@dataclass(frozen=True)
class Happened:
    """An event's data."""

    number: int
    note: str = ""


READER = Reader({"happened": Happened})


def record(**data: object) -> Record:
    """An event as the connector writes it."""
    return FakeBroker({"t": 1}).publish(Event("t", "k", "happened", data), "outside")


def test_event_is_read() -> None:
    """Data, key and attributes arrive typed."""
    one = record(number=1)
    event = READER.read(one, attributes(one))
    assert (event.data, event.key, event.source, event.schema_version) == (Happened(1), "k", "outside", 1)


def test_unknown_members_are_ignored() -> None:
    """Evolution is additive: a newer producer may say more."""
    one = record(number=1, colour="red")
    assert READER.read(one, attributes(one)).data == Happened(1)


@pytest.mark.parametrize("data", [{}, {"number": "1"}, {"number": 1, "note": None}])
def test_wrong_members_are_unreadable(data: dict[str, object]) -> None:
    """A member that is missing or of another type is never guessed."""
    one = record(**data)
    with pytest.raises(Unreadable):
        READER.read(one, attributes(one))


def test_cloudevents_sdk_reads_ours() -> None:
    """The reference implementation takes our records for CloudEvents 1.0 in binary mode."""
    one = record(number=1)
    headers = {name: value or b"" for name, value in one.headers}
    message = KafkaMessage(
        headers={**headers, "content-type": b"application/json"}, key=one.key, value=one.value or b""
    )
    event = from_binary_event(message, JSONFormat())
    assert (event.get_type(), event.get_source(), event.get_data()) == ("happened", "outside", {"number": 1})


def test_ids_sort_by_time() -> None:
    """UUIDv7: a later id is greater."""
    ids = [new_id() for _ in range(100)]
    assert ids == sorted(ids)
    assert ids[0].version == 7
