"""Versions only add. The prover is shown to catch what it must catch."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from chassis.envelope import versions
from contracts.catalogue import Entry
from tests.support.compatibility import breaks
from tests.support.contracts import ENTRIES, readings

Schema = dict[str, Any]
PAIRS = [
    (entry, old, new) for entry in ENTRIES.values() for new in entry.versions for old in entry.versions if old < new
]
LIFTED = [(entry, new) for entry in ENTRIES.values() for new in entry.lifted]


def only_adds(entry: Entry, old: int, new: int) -> bool:
    """No version between them, or the newer itself, has to be lifted to."""
    return not any(old < version <= new for version in entry.lifted)


def test_new_versions_follow_every_old_one() -> None:
    """Against all earlier versions, not only the last; but for those that consumers lift."""
    for entry, old, new in PAIRS:
        if only_adds(entry, old, new):
            assert (entry.name, old, new, breaks(entry.schema(old), entry.schema(new))) == (entry.name, old, new, [])


@pytest.mark.parametrize(("entry", "new"), LIFTED, ids=[entry.name for entry, _ in LIFTED])
def test_lifted_version_could_not_only_add(entry: Entry, new: int) -> None:
    """Lifting is for what breaks: it has every consumer change."""
    assert breaks(entry.schema(new - 1), entry.schema(new)) != []


@pytest.mark.parametrize(("entry", "new"), LIFTED, ids=[entry.name for entry, _ in LIFTED])
def test_every_consumer_lifts(entry: Entry, new: int) -> None:
    """From the version before, in its own code; that it reads every sample so, test_contract_services shows."""
    for service in entry.consumers:
        assert new - 1 in versions(readings(service)[entry.name]).steps


@pytest.mark.parametrize("name", ENTRIES)
def test_version_follows_itself(name: str) -> None:
    """The prover understands every schema there is."""
    schema = ENTRIES[name].schema(ENTRIES[name].versions[-1])
    assert breaks(schema, schema) == []


def optional_field(schema: Schema) -> None:
    schema["properties"]["note"] = {"type": "string"}


def other_words(schema: Schema) -> None:
    schema["title"] = schema["description"] = "said better"


def required_field(schema: Schema) -> None:
    schema["properties"]["note"] = {"type": "string"}
    schema["required"].append("note")


def field_gone(schema: Schema) -> None:
    del schema["properties"]["total"]
    schema["required"].remove("total")


def field_now_optional(schema: Schema) -> None:
    schema["required"].remove("currency")


def other_type(schema: Schema) -> None:
    schema["properties"]["total"] = {"type": "string"}


def wider_range(schema: Schema) -> None:
    schema["properties"]["total"]["minimum"] = -1


def narrower_range(schema: Schema) -> None:
    schema["properties"]["total"]["minimum"] = 1


def nested_field_gone(schema: Schema) -> None:
    line = schema["properties"]["items"]["items"]
    del line["properties"]["quantity"]
    line["required"].remove("quantity")


def new_enum_member(schema: Schema) -> None:
    schema["properties"]["currency"] = {"type": "string", "enum": ["EUR", "euro"]}


@pytest.mark.parametrize("change", [optional_field, other_words])
def test_addition_is_accepted(change: Callable[[Schema], None]) -> None:
    """An optional field, and words."""
    assert breaks(*changed(change)) == []


BREAKING = [
    required_field,
    field_gone,
    field_now_optional,
    other_type,
    wider_range,
    narrower_range,
    nested_field_gone,
    new_enum_member,
]


@pytest.mark.parametrize("change", BREAKING)
def test_breaking_change_is_refused(change: Callable[[Schema], None]) -> None:
    """Each would leave an old consumer, or the old log, unreadable."""
    assert breaks(*changed(change)) != []


def changed(change: Callable[[Schema], None]) -> tuple[Schema, Schema]:
    """order_created as it is, and with the change."""
    old = ENTRIES["order_created"].schema(1)
    new = deepcopy(old)
    change(new)
    return old, new
