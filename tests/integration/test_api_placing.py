"""placeOrder on a real Postgres: once per key, one transaction, nothing on refusal."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any

import psycopg
import pytest

from ground.waiting import until
from tests.support.api_house import (
    ANN,
    BOB,
    PLACE,
    SOBA,
    Client,
    House,
    opened,
    refusals,
    wish,
)


@pytest.fixture
def house(service_database: Callable[..., str]) -> House:
    """A database of this test's own."""
    return House(service_database)


@pytest.fixture
async def client(house: House) -> AsyncIterator[Client]:
    """The application on it."""
    async with opened(house.url) as client:
        yield client


async def test_place_writes_all_at_once(house: House, client: Client) -> None:
    """An order, its fact, its first version: one each."""
    order = (await client.place())["order"]
    assert (order["status"], order["version"], order["total"]) == ("PLACED", 1, {"amount": 1800, "currency": "EUR"})
    assert house.journal(order["id"]) == [(1, "order_created")]
    assert house.counts() == {"orders": 1, "outbox": 1, "journal": 1, "placement": 1, "shift": 0}


async def test_same_key_same_order(house: House, client: Client) -> None:
    """Asked again, also with the lines in another order: the same answer, nothing new."""
    lines = [{"itemId": "soba", "quantity": 2}, {"itemId": "tea", "quantity": 1}]
    key = str(uuid.uuid4())
    first = await client.place(idempotencyKey=key, items=lines)
    again = await client.place(idempotencyKey=key, items=lines[::-1])
    assert first == again
    assert house.counts()["outbox"] == 1


async def test_key_with_other_input_is_refused(house: House, client: Client) -> None:
    """A key stands for one input."""
    key = str(uuid.uuid4())
    await client.place(idempotencyKey=key)
    other = await client.place(idempotencyKey=key, paymentMethod="pm_card_mastercard")
    assert other["order"] is None
    assert refusals(other) == [("IDEMPOTENCY_KEY_REUSED", "input.idempotencyKey")]
    assert house.counts()["orders"] == 1


async def test_keys_belong_to_customers(house: House, client: Client) -> None:
    """The same key of two customers is two orders."""
    key = str(uuid.uuid4())
    orders = [(await client.place(who, idempotencyKey=key))["order"]["id"] for who in (ANN, BOB)]
    assert len(set(orders)) == house.counts()["orders"] == 2


async def test_racing_same_input_is_one_order(house: House) -> None:
    """Twelve at once over two processes: one order, which all are given."""
    body = wish()
    async with opened(house.url) as one, opened(house.url) as two:
        await one.place(BOB)  # one process has the menu at hand, the other has not
        answers = await asyncio.gather(*(c.post(PLACE, ANN, input=body) for c in [one, two] * 6))
    ids = {answer["data"]["placeOrder"]["order"]["id"] for answer in answers}
    assert len(ids) == 1
    assert house.published(ids.pop()) == ["order_created"]


async def test_racing_other_input_is_refused(house: House) -> None:
    """Two inputs at once under one key: one order, and every other input is told."""
    key = str(uuid.uuid4())
    bodies = [wish(idempotencyKey=key, paymentMethod=f"pm_{n % 2}") for n in range(12)]
    async with opened(house.url) as one, opened(house.url) as two:
        answers = await asyncio.gather(
            *((one, two)[n % 2].post(PLACE, ANN, input=body) for n, body in enumerate(bodies))
        )
    payloads = [answer["data"]["placeOrder"] for answer in answers]
    assert sorted(code for p in payloads for code, _ in refusals(p)) == ["IDEMPOTENCY_KEY_REUSED"] * 6
    assert house.counts()["orders"] == 1


async def test_loser_waits_for_the_winner(house: House, client: Client) -> None:
    """The winner's transaction is still open: the unique constraint decides, the loser reads the winner's order."""
    first = (await client.place(idempotencyKey="the-first"))["order"]["id"]
    with psycopg.connect(house.url) as winner:
        winner.execute("INSERT INTO placement SELECT customer_id, 'the-second', order_id, input FROM placement")
        loser = asyncio.create_task(client.place(idempotencyKey="the-second"))
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = 'test'"
        await asyncio.to_thread(until, lambda: house.ask(waiting)[0][0])
        winner.commit()
        assert (await loser)["order"]["id"] == first


async def test_key_outlives_the_menu(house: House, client: Client) -> None:
    """What was placed stays answered when its item is gone."""
    key = str(uuid.uuid4())
    first = await client.place(idempotencyKey=key)
    house.ask("UPDATE restaurant SET menu = '[]', revision = gen_random_uuid()")
    assert await client.place(idempotencyKey=key) == first


async def test_new_price_counts_at_once(house: House, client: Client) -> None:
    """A menu at hand that is not the valid one any more is read again: nobody pays yesterday's price."""
    await client.place()
    menu = '[{"item_id":"soba","name":"Soba","price":1000}]'
    house.ask("UPDATE restaurant SET menu = %s, revision = gen_random_uuid() WHERE id = %s", menu, SOBA.id)
    assert (await client.place())["order"]["total"]["amount"] == 2000


async def test_new_item_counts_at_once(house: House, client: Client) -> None:
    """An item that the menu at hand does not have yet can be ordered."""
    await client.place()
    menu = '[{"item_id":"ramen","name":"Ramen","price":1100}]'
    house.ask("UPDATE restaurant SET menu = %s, revision = gen_random_uuid() WHERE id = %s", menu, SOBA.id)
    assert (await client.place(items=[{"itemId": "ramen", "quantity": 1}]))["order"]["total"]["amount"] == 1100


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"idempotencyKey": "short"}, "INVALID_INPUT", "input.idempotencyKey"),
        ({"items": []}, "INVALID_INPUT", "input.items"),
        ({"items": [{"itemId": "soba", "quantity": 51}]}, "INVALID_INPUT", "input.items.0.quantity"),
        ({"paymentMethod": ""}, "INVALID_INPUT", "input.paymentMethod"),
        ({"restaurantId": "r-none"}, "RESTAURANT_NOT_FOUND", "input.restaurantId"),
        ({"items": [{"itemId": "udon", "quantity": 1}]}, "ITEM_NOT_FOUND", "input.items.0.itemId"),
    ],
)
async def test_bad_input_writes_nothing(
    house: House, client: Client, changes: dict[str, Any], code: str, field: str
) -> None:
    """A stable code and the field at fault; no row anywhere. With the menu read for the first time and at hand."""
    for _ in range(2):
        before = house.counts()
        payload = await client.place(**changes)
        assert (payload["order"], refusals(payload)) == (None, [(code, field)])
        assert house.counts() == before
        await client.place()


async def test_nul_is_no_fault_of_ours(client: Client) -> None:
    """Postgres has no NUL in text: the client is told what is wrong."""
    for name in ("idempotencyKey", "restaurantId", "paymentMethod"):
        assert refusals(await client.place(ANN, **{name: "nul \0 nul"})) == [("INVALID_INPUT", f"input.{name}")]
    query = "query($id: ID!) { restaurant(id: $id) { id } }"
    assert (await client.post(query, None, id="\0"))["data"] == {"restaurant": None}


@pytest.mark.parametrize("table", ["orders", "outbox", "journal", "placement"])
async def test_place_is_atomic(house: House, client: Client, table: str) -> None:
    """Whichever of the rows fails, none is written; the client learns nothing of the reason."""
    house.ask(f"ALTER TABLE {table} ADD CHECK (false) NOT VALID")
    answer = await client.post(PLACE, ANN, input=wish())
    assert answer["errors"][0]["extensions"]["code"] == "INTERNAL"
    assert "check" not in str(answer).lower()
    assert sum(house.counts().values()) == 0


async def test_lost_connections_are_replaced(house: House, client: Client) -> None:
    """Postgres drops every session: the client is told to try again, and by its key gets its one order."""
    await client.place(BOB)
    house.ask(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'api' AND datname = current_database()"
    )
    body = wish()
    answers = [await client.post(PLACE, ANN, input=body) for _ in range(10)]
    codes = [error["extensions"]["code"] for answer in answers for error in answer.get("errors", [])]
    ids = {answer["data"]["placeOrder"]["order"]["id"] for answer in answers if answer["data"]}
    assert set(codes) <= {"INTERNAL"}
    assert len(ids) == 1
    assert house.published(ids.pop()) == ["order_created"]
