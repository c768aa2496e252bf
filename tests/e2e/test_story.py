"""The README's story on the real parts: one order from placed to delivered, by our client and by a foreign one."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
from gql import Client as GqlClient
from gql import GraphQLRequest
from gql.transport.httpx import HTTPXAsyncTransport
from gql.transport.websockets import WebsocketsTransport

from demae_client import Client, Order, RequestError, UserErrors
from ground.stack import Stack
from tests.support import programs
from tests.support.evidence import captures, refunds, versions

COURIERS = ("c-01", "c-02", "c-03")
PATH = ["PLACED", "PAID", "COURIER_ASSIGNED", "ACCEPTED", "READY", "PICKED_UP", "DELIVERED"]
FACTS = [
    "order_created",
    "payment_completed",
    "delivery_assigned",
    "order_accepted",
    "order_ready",
    "order_picked_up",
    "order_delivered",
]
PLACE = """
mutation ($input: PlaceOrderInput!) { placeOrder(input: $input) { order { id version } userErrors { code } } }
"""
WATCH = """
subscription ($id: ID!) { orderUpdated(orderId: $id, after: 0) { version status courierId timeline { event } } }
"""


def speak_as(stack: Stack, subject: str, role: str) -> Client:
    return Client(f"{stack.url}/graphql", stack.token(subject, role))


@pytest.fixture
async def customer(stack: Stack) -> AsyncIterator[Client]:
    """Somebody new, in a town whose couriers are on shift."""
    for name in COURIERS:
        async with speak_as(stack, name, "courier") as courier:
            await courier.start_shift()
    async with speak_as(stack, f"customer-{uuid4()}", "customer") as client:
        yield client


async def carry(stack: Stack, order: Any) -> None:
    """Be the assigned courier of an order that was pushed as ready."""
    async with speak_as(stack, order["courierId"], "courier") as courier:
        await courier.pick_up(order["id"])
        await courier.deliver(order["id"])


async def follow(stack: Stack, customer: Client, placed: Order) -> list[Order]:
    """Every version until the stream completes; the courier does what is due."""
    seen = []
    async for order in customer.watch(placed["id"]):
        seen.append(order)
        if order["status"] == "READY":
            await carry(stack, order)
    return seen


async def test_order_runs_from_placed_to_delivered(stack: Stack, customer: Client) -> None:
    """Each version is pushed once and in order, and the stream completes when the order is settled."""
    seen = await follow(stack, customer, await customer.place_order("sobaya", {"edamame": 2}))
    assert [(order["version"], order["status"]) for order in seen] == list(enumerate(PATH, 1))
    assert [entry["event"] for entry in seen[-1]["timeline"]] == FACTS


@pytest.mark.needs("database", "provider log")
async def test_delivered_order_is_charged_once(stack: Stack, customer: Client) -> None:
    """The provider's own log has one capture; the journal has the versions that were pushed."""
    placed = await customer.place_order("bench-kitchen", {"ration": 1})
    await follow(stack, customer, placed)
    assert captures(stack.provider_log)[placed["id"]] == 1
    assert versions(stack.database_url(), [placed["id"]]) == {placed["id"]: [1, 2, 3, 4, 5, 6, 7]}


async def test_foreign_client_sees_the_story(stack: Stack, customer: Client) -> None:
    """A GraphQL client that is not ours places an order and watches it: plain graphql-transport-ws, no extras."""
    token = stack.token("gql-customer", "customer")
    headers = {"Authorization": f"Bearer {token}"}
    http = HTTPXAsyncTransport(f"{stack.url}/graphql", headers=headers)
    lines = [{"itemId": "ration", "quantity": 1}]
    wanted = {"idempotencyKey": str(uuid4()), "restaurantId": "bench-kitchen", "items": lines}
    variables = {"input": wanted | {"paymentMethod": "pm_card_visa"}}
    async with GqlClient(transport=http) as session:
        answer = await session.execute(GraphQLRequest(PLACE, variable_values=variables))
    order = answer["placeOrder"]["order"]
    socket = WebsocketsTransport(stack.ws_url, init_payload={"authorization": f"Bearer {token}"})
    statuses = []
    async with GqlClient(transport=socket) as session:
        async for pushed in session.subscribe(GraphQLRequest(WATCH, variable_values={"id": order["id"]})):
            statuses.append(pushed["orderUpdated"]["status"])
            if statuses[-1] == "READY":
                await carry(stack, pushed["orderUpdated"] | order)
    assert statuses == PATH


async def test_same_key_is_the_same_order(stack: Stack, customer: Client) -> None:
    """A repeated placing answers with the first order; another input by the same key is refused by name."""
    key = str(uuid4())
    first = await customer.place_order("sobaya", {"edamame": 1}, idempotency_key=key)
    again = await customer.place_order("sobaya", {"edamame": 1}, idempotency_key=key)
    assert again["id"] == first["id"]
    with pytest.raises(UserErrors) as refused:
        await customer.place_order("sobaya", {"edamame": 2}, idempotency_key=key)
    assert refused.value.code == "IDEMPOTENCY_KEY_REUSED"
    await customer.cancel(first["id"])


@pytest.mark.needs("provider log")
async def test_cancelled_order_is_settled(stack: Stack, customer: Client) -> None:
    """After a cancel the stream goes on until the money is back or was never taken, and then completes."""
    placed = await customer.place_order("chez-margot", {"quiche": 1})
    seen = []
    async for order in customer.watch(placed["id"]):
        seen.append(order)
        if order["status"] == "ACCEPTED":
            await customer.cancel(placed["id"])
    assert (seen[-1]["status"], seen[-1]["payment"]["status"]) == ("CANCELLED", "REFUNDED")
    assert seen[-1]["cancellation"] == {"reason": "CUSTOMER"}
    assert refunds(stack.provider_log)[placed["id"]] == captures(stack.provider_log)[placed["id"]] == 1


async def test_kitchen_says_when_it_is_ready(stack: Stack, customer: Client) -> None:
    """A manual kitchen is one more GraphQL client."""
    placed = await customer.place_order("chez-margot", {"ratatouille": 1})
    statuses = []
    async for order in customer.watch(placed["id"]):
        statuses.append(order["status"])
        if order["status"] == "ACCEPTED":
            async with speak_as(stack, "chez-margot", "restaurant") as kitchen:
                await kitchen.mark_ready(placed["id"])
        if order["status"] == "READY":
            await carry(stack, order)
    assert statuses == PATH


async def test_stranger_sees_nothing(stack: Stack, customer: Client) -> None:
    """An order is readable by those who take part in it: nobody else finds it or may watch it."""
    placed = await customer.place_order("sobaya", {"edamame": 1})
    async with speak_as(stack, "stranger", "customer") as stranger:
        assert await stranger.order(placed["id"]) is None
        with pytest.raises(RequestError):
            await anext(aiter(stranger.watch(placed["id"])))
    await customer.cancel(placed["id"])


def test_first_order_is_told(stack: Stack) -> None:
    """The last step of `make up` prints the timeline and ends well."""
    told = programs.run(stack, "cli", "first-order")
    assert told.returncode == 0, told.stdout + told.stderr
    assert all(status in told.stdout for status in PATH)
