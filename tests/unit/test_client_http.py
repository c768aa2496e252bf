"""Queries and mutations of the client against a transport in memory: what is sent, and what is raised."""

import json
import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from graphql import parse, validate

from demae_client import Client, RequestError, Unreachable, UserErrors, documents
from tests.support.push import ROOT, schema

Answer = Callable[[dict[str, Any]], httpx.Response]
URL = "http://demae.test/graphql"


def client(*answers: httpx.Response | Exception, token: str = "t") -> tuple[Client, list[httpx.Request]]:
    """A client whose requests are answered in turn, and the requests."""
    requests: list[httpx.Request] = []
    left = list(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        found = left.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    return Client(URL, token, transport=httpx.MockTransport(answer)), requests


def ok(data: object) -> httpx.Response:
    return httpx.Response(200, json={"data": data})


def placed() -> httpx.Response:
    return ok({"placeOrder": {"order": {"id": "o", "version": 1}, "userErrors": []}})


TEXTS = [
    documents.PLACE,
    documents.ORDER,
    documents.ORDERS,
    documents.RESTAURANTS,
    documents.RETRY,
    documents.OUT_OF_STOCK,
    documents.STOCK,
    documents.SHIFT.format(field="startShift"),
    documents.SHIFT.format(field="endShift"),
    *(documents.on_order(name) for name in ("cancelOrder", "markOrderReady", "pickUpOrder", "deliverOrder")),
    documents.order_updated(documents.ORDER_FIELDS),
    re.findall(r"const QUERY = `(.*?)`;", (ROOT / "web" / "order.js").read_text(), re.DOTALL)[0],
]


@pytest.mark.parametrize("text", TEXTS)
def test_texts_fit_the_schema(text: str) -> None:
    """Every document the client sends, and the order page's, is valid against contracts/schema.graphql."""
    assert validate(schema(), parse(text)) == []


async def test_sends_the_token() -> None:
    """Each request carries the bearer token."""
    it, requests = client(ok({"viewer": None}), token="abc")
    async with it:
        await it.execute("{ viewer { id } }")
    assert requests[0].headers["authorization"] == "Bearer abc"


async def test_errors_become_request_error() -> None:
    """The stable code of the first entry is the exception's."""
    answer = httpx.Response(400, json={"errors": [{"message": "no", "extensions": {"code": "BAD_USER_INPUT"}}]})
    it, _ = client(answer)
    async with it:
        with pytest.raises(RequestError) as raised:
            await it.execute("{ viewer { id } }")
    assert (raised.value.code, raised.value.message) == ("BAD_USER_INPUT", "no")


@pytest.mark.parametrize(
    "answer",
    [
        httpx.ConnectError("refused"),
        httpx.ReadTimeout("late"),
        httpx.Response(502),
        httpx.Response(503, json={"ready": False}),
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json=[]),
    ],
)
async def test_no_answer_is_unreachable(answer: httpx.Response | Exception) -> None:
    """Whatever is not a GraphQL response leaves open whether the request was done."""
    it, _ = client(answer)
    async with it:
        with pytest.raises(Unreachable):
            await it.execute("{ viewer { id } }")


async def test_placing_resends_its_key() -> None:
    """A retry is the same order: same key, same input."""
    it, requests = client(httpx.ReadTimeout("late"), httpx.Response(502), placed())
    async with it:
        await it.place_order("sobaya", {"soba": 2})
    inputs = [json.loads(request.content)["variables"]["input"] for request in requests]
    assert len(inputs) == 3
    assert inputs[0] == inputs[1] == inputs[2]
    assert 8 <= len(inputs[0]["idempotencyKey"]) <= 64


async def test_each_placing_has_its_own_key() -> None:
    """Two orders are two orders."""
    it, requests = client(placed(), placed())
    async with it:
        await it.place_order("sobaya", {"soba": 2})
        await it.place_order("sobaya", {"soba": 2})
    first, second = (json.loads(request.content)["variables"]["input"]["idempotencyKey"] for request in requests)
    assert first != second


async def test_placing_gives_up() -> None:
    """After its attempts the last trouble is raised."""
    it, requests = client(*[httpx.ConnectError("refused")] * 2)
    async with it:
        with pytest.raises(Unreachable):
            await it.place_order("sobaya", {"soba": 1}, attempts=2)
    assert len(requests) == 2


async def test_refusals_are_not_retried() -> None:
    """A user error is an answer."""
    refusal = {"code": "ITEM_NOT_FOUND", "message": "no such dish", "field": "items.0.itemId"}
    it, requests = client(ok({"placeOrder": {"order": None, "userErrors": [refusal]}}))
    async with it:
        with pytest.raises(UserErrors) as raised:
            await it.place_order("sobaya", {"ramen": 1})
    assert (raised.value.code, raised.value.errors[0].field, len(requests)) == ("ITEM_NOT_FOUND", "items.0.itemId", 1)


CHANGES = {"cancel": "cancelOrder", "mark_ready": "markOrderReady", "pick_up": "pickUpOrder", "deliver": "deliverOrder"}


@pytest.mark.parametrize(("call", "field"), CHANGES.items())
async def test_changes_send_their_mutation(call: str, field: str) -> None:
    """Each convenience function is one mutation, and returns the order."""
    it, requests = client(ok({"result": {"order": {"id": "o", "version": 2}, "userErrors": []}}))
    async with it:
        order = await getattr(it, call)("o")
    assert f"{field}(id: $id)" in json.loads(requests[0].content)["query"]
    assert order["version"] == 2


def changed() -> httpx.Response:
    return ok({"result": {"order": {"id": "o", "version": 3}, "userErrors": []}})


async def test_numbered_retry_is_asked_again() -> None:
    """With the attempt's number it is the same attempt, however often it is asked for."""
    it, requests = client(httpx.ReadTimeout("late"), httpx.Response(502), changed())
    async with it:
        await it.retry_payment("o", "pm_other", attempt=2)
    sent = [json.loads(request.content)["variables"] for request in requests]
    assert sent == [{"id": "o", "paymentMethod": "pm_other", "attempt": 2}] * 3


async def test_blind_retry_is_asked_once() -> None:
    """Without the number nobody knows whether it was done: the caller looks first."""
    it, requests = client(httpx.ReadTimeout("late"))
    async with it:
        with pytest.raises(Unreachable):
            await it.retry_payment("o", "pm_other")
    assert len(requests) == 1


async def test_report_names_its_items() -> None:
    """One mutation; the ended order comes back."""
    it, requests = client(changed())
    async with it:
        assert (await it.report_out_of_stock("o", ("soba", "tea")))["version"] == 3
    assert json.loads(requests[0].content)["variables"] == {"id": "o", "items": ["soba", "tea"]}


async def test_count_is_answered() -> None:
    """What is there now; a refusal is raised."""
    refusal = {"code": "ITEM_NOT_FOUND", "message": "no such dish", "field": "itemId"}
    it, _ = client(
        ok({"setStock": {"quantity": 7, "userErrors": []}}),
        ok({"setStock": {"quantity": None, "userErrors": [refusal]}}),
    )
    async with it:
        assert await it.set_stock("tea", 7) == 7
        with pytest.raises(UserErrors, match="ITEM_NOT_FOUND"):
            await it.set_stock("udon", 7)


async def test_shift_says_whether_it_runs() -> None:
    """True while on shift."""
    it, _ = client(
        ok({"startShift": {"onShift": True, "userErrors": []}}), ok({"endShift": {"onShift": False, "userErrors": []}})
    )
    async with it:
        assert (await it.start_shift(), await it.end_shift()) == (True, False)


async def test_reads_unwrap_their_edges() -> None:
    """Lists are lists, an unknown order is None."""
    edges = {"edges": [{"node": {"id": "a"}}, {"node": {"id": "b"}}]}
    it, _ = client(ok({"orders": edges}), ok({"restaurants": edges}), ok({"order": None}))
    async with it:
        assert [order["id"] for order in await it.orders(only_open=True)] == ["a", "b"]
        assert [restaurant["id"] for restaurant in await it.restaurants()] == ["a", "b"]
        assert await it.order("x") is None
