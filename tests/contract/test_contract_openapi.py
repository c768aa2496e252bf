"""The REST interface's document: sound, the same as the GraphQL schema, and true in its examples."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec
import pytest
from graphql import GraphQLEnumType, GraphQLInputObjectType, GraphQLList, GraphQLNonNull, GraphQLObjectType
from openapi_spec_validator import validate

from api import placing
from api.app import MAX_BODY
from api.refusals import Code
from api.rest import Body, Line
from chassis import problems
from notifier import domain, polling, presentation, settings
from notifier.story import Story
from notifier.versions import read
from tests.contract.test_contract_sdl import SDL, values
from tests.support.openapi import DOCUMENT, resolved, validator

SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]
OBJECTS = ("Order", "OrderItem", "Money", "Payment", "Cancellation", "Action", "Deadline", "TimelineEntry")
ENUMS = ("OrderStatus", "PaymentStatus", "CancellationReason", "ActionName")
SCALARS = {"ID": "string", "String": "string", "Int": "integer", "DateTime": "string"}
TOLD = presentation.load(settings.CONTRACTS / "presentation.json", settings.ALLOWANCES)


def test_document_is_openapi() -> None:
    """By the judge of the specification, which also follows every reference."""
    validate(DOCUMENT)


def kind(type_: Any) -> tuple[Any, bool]:
    """A GraphQL type in the document's words, and whether it may be null."""
    if isinstance(type_, GraphQLNonNull):
        return kind(type_.of_type)[0], False
    if isinstance(type_, GraphQLList):
        return [kind(type_.of_type)[0]], True
    return SCALARS.get(type_.name, type_.name), True


def shown(member: dict[str, Any]) -> tuple[Any, bool]:
    """The same of a member of the document."""
    if "anyOf" in member:
        (one, nothing) = member["anyOf"]
        assert nothing == {"type": "null"}
        return shown(one)[0], True
    if "$ref" in member:
        return member["$ref"].rsplit("/")[-1], False
    if member["type"] == "array":
        return [shown(member["items"])[0]], False
    return (member["type"][0], True) if isinstance(member["type"], list) else (member["type"], False)


@pytest.mark.parametrize("name", OBJECTS)
def test_objects_are_the_sdl_s(name: str) -> None:
    """The same members with the same types, and all of them always there."""
    found = SDL.type_map[name]
    assert isinstance(found, GraphQLObjectType)
    assert {key: shown(member) for key, member in SCHEMAS[name]["properties"].items()} == {
        key: kind(field.type) for key, field in found.fields.items()
    }
    assert set(SCHEMAS[name]["required"]) == set(found.fields)


@pytest.mark.parametrize("name", ENUMS)
def test_enums_are_the_sdl_s(name: str) -> None:
    """The same values in the same order."""
    assert isinstance(SDL.type_map[name], GraphQLEnumType)
    assert SCHEMAS[name]["enum"] == values(name)


@pytest.mark.parametrize(
    ("name", "given", "body"), [("PlaceOrder", "PlaceOrderInput", Body), ("Line", "OrderLineInput", Line)]
)
def test_input_is_the_sdl_s(name: str, given: str, body: type[msgspec.Struct]) -> None:
    """What placeOrder takes, its key aside, is what the endpoint decodes."""
    found = SDL.type_map[given]
    assert isinstance(found, GraphQLInputObjectType)
    members = list(SCHEMAS[name]["properties"])
    assert members == [key for key in found.fields if key != "idempotencyKey"] == list(body.__struct_encode_fields__)
    assert SCHEMAS[name]["required"] == members


def test_bounds_are_the_rules() -> None:
    """What the document promises is what is enforced."""
    order, line = SCHEMAS["PlaceOrder"]["properties"], SCHEMAS["Line"]["properties"]
    assert order["items"]["maxItems"] == placing.MAX_LINES
    assert line["quantity"]["maximum"] == placing.MAX_QUANTITY
    assert (order["paymentMethod"]["minLength"], order["paymentMethod"]["maxLength"]) == (
        placing.METHOD_LENGTH.start,
        placing.METHOD_LENGTH.stop - 1,
    )
    key = DOCUMENT["components"]["parameters"]["IdempotencyKey"]["schema"]
    assert (key["minLength"], key["maxLength"]) == (placing.KEY_LENGTH.start, placing.KEY_LENGTH.stop - 1 + len('""'))
    query = {part["name"]: part["schema"] for part in DOCUMENT["paths"]["/orders/{id}"]["parameters"]}
    assert (query["after"]["maximum"], query["wait"]["maximum"]) == (polling.MAX_VERSION, polling.MAX_WAIT)
    assert f"{MAX_BODY // 1024} KiB" in DOCUMENT["paths"]["/orders"]["post"]["requestBody"]["description"]


def responses() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every response of every operation, by its status."""
    for path in DOCUMENT["paths"].values():
        for method in ("get", "head", "post"):
            for status, response in path.get(method, {"responses": {}})["responses"].items():
                yield status, resolved(response)


def examples() -> Iterator[tuple[str, str, Any]]:
    """(status, schema, value) of every example of a response."""
    for status, response in responses():
        for content in response.get("content", {}).values():
            for example in content["examples"].values():
                yield status, content["schema"]["$ref"].rsplit("/")[-1], resolved(example)["value"]


def test_examples_are_valid() -> None:
    """Each against its own schema; every response with a body has one."""
    for _, schema, value in examples():
        validator(schema).validate(value)
    wish = DOCUMENT["paths"]["/orders"]["post"]["requestBody"]["content"]["application/json"]["examples"]
    for example in wish.values():
        validator("PlaceOrder").validate(example["value"])


def test_problems_are_told_as_they_are() -> None:
    """Status, title and type of every example are those that the code would send."""
    for status, schema, value in examples():
        if schema == "Problem":
            problem = problems.Problem(int(status), value["code"], value["detail"], field=value.get("field", ""))
            assert msgspec.json.decode(problem.body()) == value


def test_refusals_are_told() -> None:
    """Every code with which the rules refuse a placing, and those of HTTP's own refusals."""
    told = {value["code"] for _, schema, value in examples() if schema == "Problem"}
    placed = {Code.RESTAURANT_NOT_FOUND, Code.ITEM_NOT_FOUND, Code.INVALID_INPUT, Code.IDEMPOTENCY_KEY_REUSED}
    of_status = {problems.of_status(status).code for status in (403, 405, 413, 415)}
    ours = {
        "BAD_USER_INPUT",
        "IDEMPOTENCY_KEY_MISSING",
        "UNAUTHENTICATED",
        "ORDER_NOT_FOUND",
        "INTERNAL",
        "UNAVAILABLE",
    }
    assert told == {*map(str, placed), *of_status, *ours}


def document(order: dict[str, Any], entry: dict[str, Any]) -> bytes:
    """The order's document at the version of a timeline entry, of which only version 1 is not the order itself."""
    now = entry["version"] == order["version"]
    return msgspec.json.encode(
        {
            "id": order["id"],
            "version": entry["version"],
            "status": entry["status"],
            "since": entry["version"],
            "customer_id": order["customerId"],
            "restaurant_id": order["restaurantId"],
            "restaurant_name": order["restaurantName"],
            "items": [
                {
                    "item_id": item["itemId"],
                    "name": item["name"],
                    "quantity": item["quantity"],
                    "unit_price": item["unitPrice"]["amount"],
                }
                for item in order["items"]
            ],
            "total": order["total"]["amount"],
            "currency": order["total"]["currency"],
            "payment": order["payment"] if now else {"status": "PENDING", "attempt": 1},
        }
    )


@pytest.mark.parametrize("name", DOCUMENT["components"]["examples"])
def test_examples_are_what_is_answered(name: str) -> None:
    """The sentences, actions and deadlines of an example are those of its state."""
    order = DOCUMENT["components"]["examples"][name]["value"]
    story = Story(TOLD)
    for entry in order["timeline"]:
        version = read(document(order, entry), entry["event"], datetime.fromisoformat(entry["at"]))
        story.extend(version)
    assert story.show(version.order, domain.Role.CUSTOMER) == order
