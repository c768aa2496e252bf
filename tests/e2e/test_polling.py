"""A customer who polls: an order placed by POST and followed by GET to its end, whatever dies or is lost meanwhile."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest
import yaml

from demae_client import Client
from ground.stack import Stack
from tests.support.openapi import DOCUMENT, conform

COURIERS = ("c-01", "c-02", "c-03")
PATH = ["PLACED", "PAID", "COURIER_ASSIGNED", "ACCEPTED", "READY", "PICKED_UP", "DELIVERED"]
WISH = {"restaurantId": "sobaya", "items": [{"itemId": "edamame", "quantity": 2}], "paymentMethod": "pm_card_visa"}
PATIENCE_SECONDS = 90.0
SETTLED = {"REFUNDED", "RELEASED", "REFUND_FAILED"}

Order = dict[str, Any]


@pytest.fixture
async def http(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody new with nothing but HTTP, in a town whose couriers are on shift."""
    for name in COURIERS:
        async with Client(f"{stack.url}/graphql", stack.token(name, "courier")) as courier:
            await courier.start_shift()
    headers = {"authorization": f"Bearer {stack.token(f'customer-{uuid4()}', 'customer')}"}
    async with httpx.AsyncClient(base_url=stack.url, headers=headers, timeout=15) as http:
        yield http


async def place(http: httpx.AsyncClient, key: str | None = None, **changes: Any) -> httpx.Response:
    """One POST."""
    headers = {"idempotency-key": key or str(uuid4())}
    return conform(await http.post("/orders", json=WISH | changes, headers=headers), "/orders")


async def newest(http: httpx.AsyncClient, where: str, version: int) -> Order | None:
    """What one poll brings: a newer version, or nothing. A connection that broke and a restart are nothing, too."""
    try:
        answer = conform(await http.get(f"{where}?after={version}&wait=10"), "/orders/{id}")
    except httpx.TransportError:
        return None
    assert answer.status_code in (200, 304, 503)
    return answer.json() if answer.status_code == 200 else None


async def follow(http: httpx.AsyncClient, where: str, at: Callable[[Order], Any]) -> list[Order]:
    """Every version that the polls brought until the order was settled; `at` is done after each."""
    seen: list[Order] = []
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not seen or not over(seen[-1]):
        assert time.monotonic() < deadline, f"not settled in time: {seen[-1:]}"
        order = await newest(http, where, seen[-1]["version"] if seen else 0)
        if order is not None:
            seen.append(order)
            await at(order)
    return seen


def over(order: Order) -> bool:
    """As the document tells a client when to stop."""
    return order["status"] == "DELIVERED" or (order["status"] == "CANCELLED" and order["payment"]["status"] in SETTLED)


def carrying(stack: Stack) -> Callable[[Order], Any]:
    """Be the assigned courier of an order that is ready."""

    async def at(order: Order) -> None:
        if order["status"] == "READY":
            async with Client(f"{stack.url}/graphql", stack.token(order["courierId"], "courier")) as courier:
                await courier.pick_up(order["id"])
                await courier.deliver(order["id"])

    return at


def assert_delivered(seen: list[Order]) -> None:
    """What was seen only went on, and the last version tells of every step, seen or not."""
    versions = [order["version"] for order in seen]
    assert versions == sorted(set(versions))
    assert [order["status"] for order in seen] == [PATH[version - 1] for version in versions]
    assert [entry["status"] for entry in seen[-1]["timeline"]] == PATH
    assert (seen[-1]["actions"], seen[-1]["deadline"]) == ([], None)


async def test_polling_sees_the_order_through(stack: Stack, http: httpx.AsyncClient) -> None:
    """From placed to delivered without GraphQL; afterwards the tag says that there is nothing newer."""
    placed = await place(http)
    assert (placed.status_code, placed.json()["status"]) == (201, "PLACED")
    where = placed.headers["location"]
    assert_delivered(await follow(http, where, carrying(stack)))
    last = await http.get(where)
    again = conform(await http.get(where, headers={"if-none-match": last.headers["etag"]}), "/orders/{id}")
    assert (again.status_code, again.headers["etag"]) == (304, f'"{len(PATH)}"')


@pytest.mark.needs("kill", "processes")
async def test_kill_of_the_notifier_costs_a_poll(stack: Stack, http: httpx.AsyncClient) -> None:
    """Whoever waited asks again, with the same cursor, and misses nothing."""
    carry = carrying(stack)
    killed: list[int] = []

    async def at(order: Order) -> None:
        if order["status"] != "DELIVERED" and len(killed) < 2:
            killed.append(order["version"])
            await asyncio.to_thread(stack.kill, "notifier")
        await carry(order)

    placed = await place(http)
    assert_delivered(await follow(http, placed.headers["location"], at))
    await asyncio.to_thread(stack.wait_ready, "notifier")
    assert len(killed) == 2


async def test_lost_answer_is_the_same_order(stack: Stack, http: httpx.AsyncClient) -> None:
    """The order is there, its answer went nowhere: the same key finds it, and no second one is made."""
    key, token = str(uuid4()), http.headers["authorization"].removeprefix("Bearer ")
    async with Client(f"{stack.url}/graphql", token) as customer:
        with sent(stack, http, key):
            deadline = time.monotonic() + PATIENCE_SECONDS
            while not (orders := await customer.orders()):
                assert time.monotonic() < deadline, "the order was never made"
        again = await place(http, key)
        assert (again.status_code, again.json()["id"]) == (200, orders[0]["id"])
        assert len(await customer.orders()) == 1
        await customer.cancel(again.json()["id"])


def sent(stack: Stack, http: httpx.AsyncClient, key: str) -> socket.socket:
    """A connection over which the whole request went, and whose answer nobody will read."""
    where = urlsplit(stack.url)
    request = http.build_request("POST", "/orders", json=WISH, headers={"idempotency-key": key})
    lines = [f"{name}: {value}" for name, value in request.headers.items()]
    head = "\r\n".join([f"POST {request.url.path} HTTP/1.1", *lines, "", ""])
    connection = socket.create_connection((where.hostname or "", where.port or 80), timeout=10)
    connection.sendall(head.encode() + request.content)
    return connection


async def test_decline_is_told_to_who_polls(http: httpx.AsyncClient) -> None:
    """The reason, what can be done about it, and until when."""
    placed = await place(http, paymentMethod="pm_card_chargeDeclinedInsufficientFunds")
    where, order = placed.headers["location"], placed.json()
    while order["payment"]["status"] == "PENDING":
        order = await newest(http, where, order["version"]) or order
    assert (order["payment"]["failure"], order["deadline"]["reason"]) == ("insufficient_funds", "PAYMENT_FAILED")
    assert [action["name"] for action in order["actions"]] == ["CANCEL_ORDER", "RETRY_PAYMENT"]
    assert {action["until"] for action in order["actions"]} == {order["deadline"]["at"]}


async def test_stranger_finds_no_order(stack: Stack, http: httpx.AsyncClient) -> None:
    """Nor does somebody without a token."""
    where = (await place(http)).headers["location"]
    stranger = {"authorization": f"Bearer {stack.token('stranger', 'customer')}"}
    assert conform(await http.get(where, headers=stranger), "/orders/{id}").status_code == 404
    assert conform(await http.get(where, headers={"authorization": ""}), "/orders/{id}").status_code == 401


async def test_document_is_served(http: httpx.AsyncClient) -> None:
    """At the address where people look for it."""
    answer = await http.get("/openapi.yaml")
    assert (answer.headers["content-type"], yaml.safe_load(answer.text)) == ("application/yaml", DOCUMENT)
