"""What clients see in GraphQL has the same values as the document behind it."""

from typing import Any

import pytest
from graphql import GraphQLEnumType, build_schema

from contracts.catalogue import ROOT, journalled
from tests.support.contracts import DOCUMENTS, EVENTS

SDL = build_schema((ROOT / "schema.graphql").read_text("utf-8"))
DOCUMENT = DOCUMENTS["order"].schema(1)["properties"]


def values(name: str) -> list[str]:
    """An enum's members, in order."""
    found = SDL.type_map[name]
    assert isinstance(found, GraphQLEnumType)
    return list(found.values)


def cancellation(document: dict[str, Any]) -> list[str]:
    """The reasons a document may name."""
    whole = next(member for member in document["cancellation"]["anyOf"] if member["type"] == "object")
    reasons: list[str] = whole["properties"]["reason"]["enum"]
    return reasons


@pytest.mark.parametrize(
    ("enum", "members"),
    [
        ("OrderStatus", DOCUMENT["status"]["enum"]),
        ("PaymentStatus", DOCUMENT["payment"]["properties"]["status"]["enum"]),
        ("CancellationReason", cancellation(DOCUMENT)),
    ],
)
def test_enums_are_the_document_s(enum: str, members: list[str]) -> None:
    """A status that only one of the two knows would fail in front of a client."""
    assert values(enum) == members


def test_reasons_are_the_event_s() -> None:
    """The event says it in lower case, the document and the SDL in upper case."""
    reasons = EVENTS["order_cancelled"].schema(1)["properties"]["reason"]["enum"]
    assert [reason.upper() for reason in reasons] == values("CancellationReason")


def test_timeline_events_are_documented() -> None:
    """TimelineEntry.event is one of the facts that make a version; the SDL sends its reader to the catalogue."""
    timeline = SDL.type_map["TimelineEntry"].fields["event"]  # type: ignore[attr-defined]
    assert "contracts/README.md" in timeline.description
    assert "order_created" in journalled()
