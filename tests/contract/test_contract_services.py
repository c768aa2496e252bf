"""What the services read and write, by their own lists, is what the catalogue says."""

import uuid

import msgspec
import pytest

from api.codec import order_of, text
from api.order import Order
from chassis.envelope import Reader, Record, attributes, encode
from contracts.catalogue import Entry
from tests.support.contracts import (
    DOCUMENTS,
    ENTRIES,
    EVENTS,
    SERVICES,
    closed,
    faults,
    readings,
    reads,
    shape,
    shape_of_schema,
    writes,
)

WRITTEN = [(service, name) for service in SERVICES for name in writes(service)]
READ = [(service, name) for service in SERVICES for name in reads(service)]
READ_FIELDS = [(service, name) for service, name in READ if shape(reads(service)[name])]


def ids(pairs: list[tuple[str, str]]) -> list[str]:
    return ["-".join(pair) for pair in pairs]


@pytest.mark.parametrize("name", EVENTS)
def test_sources_are_the_writers(name: str) -> None:
    """The catalogue's sources are the services whose WRITES name the event."""
    assert set(EVENTS[name].sources) == {service for service in SERVICES if name in writes(service)}


@pytest.mark.parametrize("name", ENTRIES)
def test_consumers_are_the_readers(name: str) -> None:
    """The catalogue's consumers are the services whose READS name it."""
    assert set(ENTRIES[name].consumers) == {service for service in SERVICES if name in reads(service)}


@pytest.mark.parametrize(("service", "name"), [*WRITTEN, *READ], ids=ids([*WRITTEN, *READ]))
def test_names_are_in_the_catalogue(service: str, name: str) -> None:
    """Nobody reads or writes what is not described."""
    assert name in ENTRIES


@pytest.mark.parametrize(("service", "name"), WRITTEN, ids=ids(WRITTEN))
def test_writer_has_the_schema_s_fields(service: str, name: str) -> None:
    """Same names, same nesting, same kinds as the newest version, in the same order."""
    entry = EVENTS[name]
    assert shape(writes(service)[name]) == shape_of_schema(entry.schema(entry.versions[-1]))


@pytest.mark.parametrize(("service", "name"), WRITTEN, ids=ids(WRITTEN))
def test_written_bodies_validate(service: str, name: str) -> None:
    """Every sample, taken up by the writer's class and encoded as it publishes, is a body without foreign fields."""
    entry = EVENTS[name]
    version = entry.versions[-1]
    for sample in entry.samples(version).values():
        body = encode(msgspec.json.decode(sample, type=writes(service)[name]))
        assert faults(closed(entry.schema(version)), body) == []


@pytest.mark.parametrize(("service", "name"), READ, ids=ids(READ))
def test_every_sample_is_read(service: str, name: str) -> None:
    """Every version that was ever in the log, old ones included."""
    entry = ENTRIES[name]
    reader = Reader(readings(service))
    for version in entry.versions:
        for sample in entry.samples(version).values():
            received = reader.read(given := record(entry, version, sample), attributes(given))
            assert isinstance(received.data, reads(service)[name])


@pytest.mark.parametrize(("service", "name"), READ_FIELDS, ids=ids(READ_FIELDS))
def test_reader_refuses_wrong_types(service: str, name: str) -> None:
    """A field of another kind is poison, not a guess."""
    cls = reads(service)[name]
    wrong = dict.fromkeys(shape(cls), True)
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(msgspec.json.encode(wrong), type=cls)


def test_document_is_written_as_described() -> None:
    """The aggregate's own class has the document's fields, in its order, and makes valid bodies of the samples."""
    entry = DOCUMENTS["order"]
    schema = entry.schema(entry.versions[-1])
    assert shape(Order) == shape_of_schema(schema)
    for sample in entry.samples(entry.versions[-1]).values():
        assert faults(closed(schema), text(order_of(sample.decode()))) == []


def record(entry: Entry, version: int, body: bytes) -> Record:
    """The sample as it stands in the log; a document's record is read under the document's name."""
    headers = {
        "ce_specversion": "1.0",
        "ce_id": str(uuid.uuid4()),
        "ce_type": entry.name,
        "ce_source": entry.sources[0],
        "ce_time": "2026-11-24T20:41:18.457333Z",
        "ce_schemaversion": str(version),
    }
    return Record(entry.topic, 0, 0, b"key", body, [(name, value.encode()) for name, value in headers.items()])
