"""api's queries on a real Postgres: one's own orders only, in bounded pages."""

from collections.abc import AsyncIterator, Callable
from typing import Any
from unittest import mock

import pytest

from api import queries
from tests.support.api_house import (
    ANN,
    BOB,
    HELP,
    KEN,
    LEO,
    SOBA,
    UDON,
    Client,
    House,
    Who,
    opened,
)

ORDER = "query($id: ID!) { order(id: $id) { id status timeline { version event status at } } }"
ORDERS = """query($first: Int, $after: String, $open: Boolean) {
  orders(first: $first, after: $after, open: $open) {
    edges { cursor node { id timeline { version } } } pageInfo { hasNextPage endCursor } } }"""


@pytest.fixture
def house(service_database: Callable[..., str]) -> House:
    """A database of this test's own."""
    return House(service_database)


@pytest.fixture
async def client(house: House) -> AsyncIterator[Client]:
    """The application on it."""
    async with opened(house.url) as client:
        yield client


async def test_order_is_seen_by_its_own(house: House, client: Client) -> None:
    """Customer, restaurant, courier and support see it; all others get null."""
    order_id = await client.placed()
    house.accept(order_id)
    sees = {w.id: (await client.post(ORDER, w, id=order_id))["data"]["order"] for w in (ANN, SOBA, KEN, HELP)}
    assert all(order["status"] == "ACCEPTED" for order in sees.values())
    for stranger in (BOB, UDON, LEO, Who(ANN.id, "courier")):
        assert (await client.post(ORDER, stranger, id=order_id))["data"]["order"] is None
    assert await client.code(ORDER, None, id=order_id) == "UNAUTHENTICATED"


async def test_timeline_tells_what_happened(house: House, client: Client) -> None:
    """One entry a version, in order, with the status it made."""
    order_id = await client.placed()
    house.accept(order_id)
    timeline = (await client.post(ORDER, ANN, id=order_id))["data"]["order"]["timeline"]
    assert [(e["version"], e["event"], e["status"]) for e in timeline] == [
        (1, "order_created", "PLACED"),
        (2, "payment_completed", "PAID"),
        (3, "delivery_assigned", "COURIER_ASSIGNED"),
        (4, "order_accepted", "ACCEPTED"),
    ]
    assert all(entry["at"].endswith("Z") for entry in timeline)


async def test_orders_come_in_pages(house: House, client: Client) -> None:
    """Newest first, each once, with a cursor to the next page."""
    placed = [await client.placed() for _ in range(5)]
    await client.place(BOB)
    seen, after = [], None
    for _ in range(3):
        page = (await client.post(ORDERS, ANN, first=2, after=after))["data"]["orders"]
        seen += [edge["node"]["id"] for edge in page["edges"]]
        after = page["pageInfo"]["endCursor"]
    assert seen == placed[::-1]
    assert page["pageInfo"]["hasNextPage"] is False


async def test_orders_are_ones_own(house: House, client: Client) -> None:
    """Each principal's list holds exactly the orders it takes part in."""
    ann, bob = await client.placed(), (await client.place(BOB))["order"]["id"]
    house.accept(ann)
    lists = {ANN: [ann], BOB: [bob], SOBA: [bob, ann], UDON: [], KEN: [ann], LEO: [], HELP: [bob, ann]}
    for who, expected in lists.items():
        found = (await client.post(ORDERS, who))["data"]["orders"]["edges"]
        assert [edge["node"]["id"] for edge in found] == expected
    assert await client.code(ORDERS, None) == "UNAUTHENTICATED"


async def test_open_orders_alone(client: Client) -> None:
    """`open: true` leaves out what has ended."""
    ended, going = await client.placed(), await client.placed()
    await client.act("cancelOrder", ANN, ended)
    for who in (ANN, SOBA, HELP):
        found = (await client.post(ORDERS, who, open=True))["data"]["orders"]["edges"]
        assert [edge["node"]["id"] for edge in found] == [going]


async def test_timelines_of_a_list_cost_one_statement(client: Client) -> None:
    """However many orders a page lists, their timelines are read together."""
    for _ in range(5):
        await client.placed()
    with mock.patch.object(queries, "timelines", wraps=queries.timelines) as reading:
        edges = (await client.post(ORDERS, ANN))["data"]["orders"]["edges"]
    assert [edge["node"]["timeline"] for edge in edges] == [[{"version": 1}]] * 5
    assert reading.call_count == 1


@pytest.mark.parametrize("variables", [{"first": 0}, {"first": 101}, {"after": "x"}, {"after": "WyJub25lIl0"}])
async def test_bad_pages_are_refused(client: Client, variables: dict[str, Any]) -> None:
    """A page is bounded, and a cursor is one of ours."""
    assert await client.code(ORDERS, ANN, **variables) == "BAD_USER_INPUT"


async def test_restaurants_are_for_everybody(client: Client) -> None:
    """Menus are public; by name, in pages."""
    query = """query($after: String) { restaurants(first: 1, after: $after) {
      edges { node { id menu { id price { amount currency } } } } pageInfo { hasNextPage endCursor } } }"""
    first = (await client.post(query))["data"]["restaurants"]
    second = (await client.post(query, None, after=first["pageInfo"]["endCursor"]))["data"]["restaurants"]
    assert [page["edges"][0]["node"]["id"] for page in (first, second)] == [SOBA.id, UDON.id]
    assert [page["pageInfo"]["hasNextPage"] for page in (first, second)] == [True, False]


async def test_restaurant_by_id(client: Client) -> None:
    """Its menu with prices; null for an unknown one."""
    query = "query($id: ID!) { restaurant(id: $id) { name menu { id name price { amount currency } } } }"
    found = (await client.post(query, None, id=SOBA.id))["data"]["restaurant"]
    assert found["menu"][0] == {"id": "soba", "name": "Soba", "price": {"amount": 900, "currency": "EUR"}}
    assert (await client.post(query, None, id="r-none"))["data"]["restaurant"] is None


async def test_viewer_is_who_the_token_says(client: Client) -> None:
    """Null without a token."""
    assert (await client.post("{ viewer { id role } }", KEN))["data"]["viewer"] == {"id": KEN.id, "role": "COURIER"}
    assert (await client.post("{ viewer { id } }"))["data"]["viewer"] is None
