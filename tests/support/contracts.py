"""What services/*/events.py say they read and write, and judges for bodies and schemas."""

import importlib
import importlib.util
import json
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import msgspec
import psycopg
from jsonschema import Draft202012Validator
from psycopg import sql

from chassis.envelope import Reads, versions
from contracts.catalogue import Entry, catalogue
from tests.support.databases import ROOT

ENTRIES = {entry.name: entry for entry in catalogue()}
EVENTS = {name: entry for name, entry in ENTRIES.items() if entry.folder == "events"}
DOCUMENTS = {name: entry for name, entry in ENTRIES.items() if entry.folder == "documents"}
SERVICES = sorted(path.parent.name for path in (ROOT / "services").glob("*/events.py"))
OUTBOXES = ("outbox", "journal")


def readings(service: str) -> Reads:
    """Event (or document) → the versions of it that are understood."""
    several = importlib.util.find_spec(f"{service}.reading") is not None
    found: Reads = importlib.import_module(f"{service}.{'reading' if several else 'events'}").READS
    return found


def reads(service: str) -> Mapping[str, type]:
    """Event (or document) → the dataclass that the service's rules see."""
    return {name: versions(reading).newest for name, reading in readings(service).items()}


def writes(service: str) -> Mapping[str, type]:
    """Event → the dataclass it is written from."""
    found: Mapping[str, type] = importlib.import_module(f"{service}.events").WRITES
    return found


def faults(schema: Mapping[str, Any], body: bytes | str) -> list[str]:
    """Where the body breaks the schema; empty when it does not."""
    found = Draft202012Validator(schema).iter_errors(json.loads(body))
    return [f"{error.json_path}: {error.message}" for error in found]


def closed(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of what a producer writes: it adds no field of its own invention."""
    shut = deepcopy(dict(schema))
    _shut(shut)
    return shut


def _shut(node: Any) -> None:
    if isinstance(node, dict):
        if "additionalProperties" in node:
            node["additionalProperties"] = False
        for child in node.values():
            _shut(child)
    if isinstance(node, list):
        for child in node:
            _shut(child)


def shape(cls: type) -> Any:
    """A dataclass as nested names: what `shape_of_schema` says of a schema."""
    return _shape(msgspec.inspect.type_info(cls))


def _shape(info: msgspec.inspect.Type) -> Any:
    if isinstance(info, msgspec.inspect.DataclassType):
        return {field.encode_name: _shape(field.type) for field in info.fields}
    if isinstance(info, msgspec.inspect.ListType | msgspec.inspect.VarTupleType):
        return [_shape(info.item_type)]
    if isinstance(info, msgspec.inspect.UnionType):
        return next(_shape(member) for member in info.types if not isinstance(member, msgspec.inspect.NoneType))
    return "integer" if isinstance(info, msgspec.inspect.IntType) else "string"


def shape_of_schema(schema: Mapping[str, Any]) -> Any:
    """A schema as nested names: objects, lists of one kind, and scalars."""
    if "anyOf" in schema:
        return next(shape_of_schema(member) for member in schema["anyOf"] if member != {"type": "null"})
    if schema["type"] == "object":
        return {name: shape_of_schema(child) for name, child in schema["properties"].items()}
    if schema["type"] == "array":
        return [shape_of_schema(schema["items"])]
    return schema["type"]


def assert_rows_keep_the_contract(admin_url: str) -> int:
    """Every row of every outbox and journal validates against the schema it names; -> rows seen."""
    seen = 0
    with psycopg.connect(admin_url) as db:
        tables = db.execute(
            "SELECT schemaname, tablename FROM pg_tables WHERE tablename = ANY(%s) AND schemaname = ANY(%s)",
            [list(OUTBOXES), SERVICES],
        ).fetchall()
        for schema, table in tables:
            name = sql.Identifier(schema, table)
            query = sql.SQL("SELECT topic, type, key, schema_version, payload FROM {}").format(name)
            for topic, kind, key, version, payload in db.execute(query):
                _assert_row(_entry(kind, table), topic, key, version, payload)
                seen += 1
    return seen


def _entry(kind: str, table: str) -> Entry:
    return DOCUMENTS["order"] if table == "journal" else EVENTS[kind]


def _assert_row(entry: Entry, topic: str, key: str, version: int, payload: str) -> None:
    assert topic == entry.topic, f"{entry.name} stands on {topic}, not on {entry.topic}"
    assert 1 <= len(key) <= 64, f"{entry.name} has a key of {len(key)} characters"
    assert version in entry.versions, f"{entry.name} has no version {version}"
    wrong = faults(closed(entry.schema(version)), payload)
    assert not wrong, f"{entry.name} breaks its schema: {wrong}\n{payload}"
