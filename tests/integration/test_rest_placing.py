"""POST /orders on a real Postgres: the same order as by GraphQL, and every refusal as a problem."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest

from api.app import MAX_BODY
from tests.support.api_house import ANN, BOB, HELP, KEN, SOBA, Client, House, Who, opened

FIELDS = (
    "id version status message actions { name until } deadline { reason at } payment { status attempt failure } "
    "cancellation { reason } customerId restaurantId restaurantName courierId "
    "items { itemId name quantity unitPrice { amount currency } } total { amount currency } "
    "timeline { version event message reason status at }"
)


@pytest.fixture
def house(service_database: Callable[..., str]) -> House:
    """A database of this test's own."""
    return House(service_database)


@pytest.fixture
async def http(house: House) -> AsyncIterator[httpx.AsyncClient]:
    """The application on it."""
    async with opened(house.url) as client:
        yield client.http


def body(**changes: Any) -> dict[str, Any]:
    """What is posted."""
    wanted = {"restaurantId": SOBA.id, "items": [{"itemId": "soba", "quantity": 2}], "paymentMethod": "pm_card_visa"}
    return wanted | changes


async def place(http: httpx.AsyncClient, who: Who | None = ANN, key: str | None = None, **changes: Any) -> Any:
    """The response to one POST."""
    headers = {"idempotency-key": key or str(uuid4())}
    headers |= {"authorization": f"Bearer {who.token()}"} if who else {}
    return await http.post("/orders", json=body(**changes), headers=headers)


async def test_placed_order_is_graphql_s(house: House, http: httpx.AsyncClient) -> None:
    """201 with the order's address, and member by member what the query answers."""
    answer = await place(http)
    order = answer.json()
    assert (answer.status_code, answer.headers["location"]) == (201, f"/orders/{order['id']}")
    shown = await Client(http).post(f"query($id: ID!) {{ order(id: $id) {{ {FIELDS} }} }}", ANN, id=order["id"])
    assert order == shown["data"]["order"]
    assert house.counts()["orders"] == 1


async def test_same_key_is_the_same_order(house: House, http: httpx.AsyncClient) -> None:
    """A repeat is answered with 200 and the order as it is now: whoever lost the answer loses nothing."""
    first = await place(http, key="a key of mine")
    house.accept(first.json()["id"])
    again = await place(http, key="a key of mine")
    assert (again.status_code, again.json()["id"]) == (200, first.json()["id"])
    assert (again.json()["status"], len(again.json()["timeline"])) == ("ACCEPTED", 4)
    assert again.headers["location"] == first.headers["location"]
    assert house.counts()["orders"] == 1


async def test_key_may_be_quoted(http: httpx.AsyncClient) -> None:
    """As the draft writes it, or bare: one key."""
    first, again = await place(http, key='"a key of mine"'), await place(http, key="a key of mine")
    assert first.json()["id"] == again.json()["id"]


async def test_at_once_one_order_is_made(house: House, http: httpx.AsyncClient) -> None:
    """One of the requests is told 201, the others 200, all of them the same order."""
    answers = await asyncio.gather(*(place(http, key="a key of mine") for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert len({answer.json()["id"] for answer in answers}) == house.counts()["orders"] == 1


async def test_key_is_its_customer_s(http: httpx.AsyncClient) -> None:
    """Another customer's key is another key."""
    first, second = await place(http, ANN, "a key of mine"), await place(http, BOB, "a key of mine")
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["id"] != second.json()["id"]


def problem(answer: httpx.Response) -> tuple[int, str, str | None]:
    """(status, code, field) of a problem, whose form is checked."""
    told = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert {"type", "title", "status", "code", "detail"} <= told.keys()
    assert (told["status"], told["type"].rsplit("/")[-1]) == (answer.status_code, told["code"])
    return told["status"], told["code"], told.get("field")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"restaurantId": "r-none"}, (422, "RESTAURANT_NOT_FOUND", "restaurantId")),
        ({"items": [{"itemId": "pizza", "quantity": 1}]}, (422, "ITEM_NOT_FOUND", "items.0.itemId")),
        ({"items": [{"itemId": "soba", "quantity": 0}]}, (422, "INVALID_INPUT", "items.0.quantity")),
        ({"items": []}, (422, "INVALID_INPUT", "items")),
        ({"paymentMethod": ""}, (422, "INVALID_INPUT", "paymentMethod")),
        ({"key": "short"}, (422, "INVALID_INPUT", "Idempotency-Key")),
        ({"items": [{"itemId": "soba"}]}, (400, "BAD_USER_INPUT", None)),
        ({"items": [{"itemId": "soba", "quantity": 2**70}]}, (422, "INVALID_INPUT", "items.0.quantity")),
        ({"tip": 5}, (400, "BAD_USER_INPUT", None)),
        ({"items": [{"itemId": "soba", "quantity": 1, "note": "hot"}]}, (400, "BAD_USER_INPUT", None)),
        ({"who": None}, (401, "UNAUTHENTICATED", None)),
        ({"who": KEN}, (403, "FORBIDDEN", None)),
        ({"who": HELP}, (403, "FORBIDDEN", None)),
    ],
)
async def test_refusal_is_a_problem(
    house: House, http: httpx.AsyncClient, changes: dict[str, Any], told: tuple[int, str, str | None]
) -> None:
    """The rules' own codes, with the member at fault; nothing is written."""
    assert problem(await place(http, **changes)) == told
    assert set(house.counts().values()) == {0}


async def test_key_with_another_input_is_a_conflict(house: House, http: httpx.AsyncClient) -> None:
    """409, and the first order is left alone."""
    await place(http, key="a key of mine")
    answer = await place(http, key="a key of mine", items=[{"itemId": "tea", "quantity": 1}])
    assert problem(answer) == (409, "IDEMPOTENCY_KEY_REUSED", "Idempotency-Key")
    assert house.counts()["orders"] == 1


@pytest.mark.parametrize(
    ("headers", "content", "told"),
    [
        ({}, b"{}", (415, "UNSUPPORTED_MEDIA_TYPE", None)),
        ({"content-type": "text/plain"}, b"{}", (415, "UNSUPPORTED_MEDIA_TYPE", None)),
        ({"content-type": "application/json"}, b"{", (400, "BAD_USER_INPUT", None)),
        ({"content-type": "application/json"}, b"[" * 9000, (400, "BAD_USER_INPUT", None)),
        ({"content-type": "application/json"}, b" " * (MAX_BODY + 1), (413, "CONTENT_TOO_LARGE", None)),
    ],
)
async def test_bad_body_is_a_problem(
    http: httpx.AsyncClient, headers: dict[str, str], content: bytes, told: tuple[int, str, str | None]
) -> None:
    """Media type, size and form are refused before anything is asked of the database."""
    sent = headers | {"authorization": f"Bearer {ANN.token()}", "idempotency-key": "a key of mine"}
    assert problem(await http.post("/orders", content=content, headers=sent)) == told


@pytest.mark.parametrize("keys", [[], ["a key of mine", "a second one"]])
async def test_one_key_is_demanded(http: httpx.AsyncClient, keys: list[str]) -> None:
    """Without it a repeat would be a second order."""
    headers = [("authorization", f"Bearer {ANN.token()}"), *(("idempotency-key", key) for key in keys)]
    answer = await http.post("/orders", json=body(), headers=headers)
    assert problem(answer) == (400, "IDEMPOTENCY_KEY_MISSING", None)


async def test_forged_token_is_challenged(http: httpx.AsyncClient) -> None:
    """401 says how to come back."""
    answer = await http.post("/orders", json=body(), headers={"authorization": "Bearer x"})
    assert problem(answer) == (401, "UNAUTHENTICATED", None)
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_router_s_refusals_are_problems(http: httpx.AsyncClient) -> None:
    """Another method says which one is offered; another path is not found."""
    answer = await http.get("/orders")
    assert (problem(answer)[:2], answer.headers["allow"]) == ((405, "METHOD_NOT_ALLOWED"), "POST")
    assert problem(await http.get("/elsewhere"))[:2] == (404, "NOT_FOUND")
