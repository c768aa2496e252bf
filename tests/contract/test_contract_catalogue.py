"""The catalogue, its schemas, its samples and what is rendered from it tell the same."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from contracts.catalogue import ROOT, asyncapi, catalogue, journalled, readme, to_yaml, topics
from tests.support.contracts import EVENTS, faults

VERSIONS = [(entry, version) for entry in catalogue() for version in entry.versions]
NAMES = [f"{entry.name}.v{version}" for entry, version in VERSIONS]


def test_every_schema_is_listed() -> None:
    """No file without a row, no row without a file."""
    files = {path.name for folder in ("events", "documents") for path in (ROOT / folder).iterdir()}
    assert files == {f"{name}.json" for name in NAMES}


def test_every_topic_is_used() -> None:
    """topics.json and the catalogue name the same topics."""
    assert {entry.topic for entry in catalogue()} == set(topics())


def test_journal_names_events() -> None:
    """What makes a version of the order is an event of the order."""
    assert journalled() <= {name for name, entry in EVENTS.items() if entry.topic == "orders.events"}


@pytest.mark.parametrize(("entry", "version"), VERSIONS, ids=NAMES)
def test_schema_is_sound(entry: Any, version: int) -> None:
    """2020-12, under its own name, open for fields to come."""
    schema = entry.schema(version)
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"].endswith(f"/{entry.folder}/{entry.name}.v{version}.json")
    assert all(node["additionalProperties"] is True for node in objects(schema))


@pytest.mark.parametrize(("entry", "version"), VERSIONS, ids=NAMES)
def test_samples_validate(entry: Any, version: int) -> None:
    """At least two each, one of them with a field that is not there yet."""
    samples = entry.samples(version)
    assert len(samples) >= 2
    assert "field_from_the_future" in samples
    assert {name: wrong for name, body in samples.items() if (wrong := faults(entry.schema(version), body))} == {}


@pytest.mark.parametrize(("entry", "version"), VERSIONS, ids=NAMES)
def test_schema_refuses(entry: Any, version: int) -> None:
    """A schema that accepts everything proves nothing: each required field is missed."""
    schema = entry.schema(version)
    whole = json.loads(next(iter(entry.samples(version).values())))
    for name in schema["required"]:
        assert faults(schema, json.dumps({key: value for key, value in whole.items() if key != name}))


def test_readme_is_fresh() -> None:
    """The table is rendered: `python -m contracts.catalogue`."""
    text = (ROOT / "README.md").read_text("utf-8")
    assert text == readme(text)


def test_asyncapi_is_fresh() -> None:
    """The file is rendered: `python -m contracts.catalogue`."""
    assert (ROOT / "asyncapi.yaml").read_text("utf-8") == to_yaml(asyncapi())


def test_asyncapi_references_resolve() -> None:
    """Each points into the document, or at a file that is there."""
    document = asyncapi()
    for reference in references(document):
        if reference.startswith("#/"):
            node: Any = document
            for step in reference[2:].split("/"):
                node = node[step]
        else:
            assert (ROOT / Path(reference)).is_file(), reference


def test_asyncapi_messages_are_the_catalogue() -> None:
    """Every version is a message, on its topic's channel."""
    channels = asyncapi()["channels"]
    found = {(topic, name) for topic, channel in channels.items() for name in channel["messages"]}
    assert found == {(entry.topic, f"{entry.name}.v{version}") for entry, version in VERSIONS}


def objects(node: Any) -> Iterator[dict[str, Any]]:
    """Every schema of an object in a schema."""
    if isinstance(node, dict):
        if node.get("type") == "object":
            yield node
        for child in node.values():
            yield from objects(child)
    if isinstance(node, list):
        for child in node:
            yield from objects(child)


def references(node: Any) -> Iterator[str]:
    """Every `$ref`."""
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"]
        for child in node.values():
            yield from references(child)
    if isinstance(node, list):
        for child in node:
            yield from references(child)
