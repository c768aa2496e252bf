"""The mutations on an order's way and the shifts: the right principal, one transaction, one winner."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable

import pytest

from tests.support.api_house import (
    ANN,
    BOB,
    ERRORS,
    FIELDS,
    HELP,
    KEN,
    LEO,
    PLACE,
    SOBA,
    UDON,
    Client,
    House,
    Who,
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


async def test_order_goes_its_way(house: House, client: Client) -> None:
    """Kitchen and courier bring it to the end; every fact once in outbox and journal, versions gapless."""
    order_id = await client.placed()
    house.accept(order_id)
    steps = [("markOrderReady", SOBA), ("pickUpOrder", KEN), ("deliverOrder", KEN)]
    statuses = [(await client.act(name, who, order_id))["order"]["status"] for name, who in steps]
    assert statuses == ["READY", "PICKED_UP", "DELIVERED"]
    assert house.published(order_id) == ["order_created", "order_ready", "order_picked_up", "order_delivered"]
    assert [version for version, _ in house.journal(order_id)] == list(range(1, 8))


async def test_cancel_refunds_what_was_paid(house: House, client: Client) -> None:
    """The customer sees the reason, and the money on its way back."""
    order_id = await client.placed()
    house.accept(order_id)
    order = (await client.act("cancelOrder", ANN, order_id))["order"]
    assert (order["status"], order["cancellation"], order["payment"]) == (
        "CANCELLED",
        {"reason": "CUSTOMER"},
        {"status": "REFUNDING"},
    )


async def test_cancel_and_pickup_race(house: House, client: Client) -> None:
    """One of the two wins, the other is told at once; one end at most in the log."""
    order_id = await client.placed()
    house.accept(order_id)
    await client.act("markOrderReady", SOBA, order_id)
    racers = [("cancelOrder", ANN), ("pickUpOrder", KEN)] * 3
    payloads = await asyncio.gather(*(client.act(name, who, order_id) for name, who in racers))
    assert sum(not payload["userErrors"] for payload in payloads) == 1
    assert {code for payload in payloads for code, _ in refusals(payload)} == {"TOO_LATE"}
    assert len(house.published(order_id)) == 3


@pytest.mark.parametrize("table", ["outbox", "journal"])
async def test_step_is_atomic(house: House, client: Client, table: str) -> None:
    """Order, fact and version together or not at all."""
    order_id = await client.placed()
    before = house.ask("SELECT version, document FROM orders"), house.counts()
    house.ask(f"ALTER TABLE {table} ADD CHECK (false) NOT VALID")
    answer = await client.post(f'mutation {{ cancelOrder(id: "{order_id}") {FIELDS} {ERRORS} }}', ANN)
    assert answer["errors"][0]["extensions"]["code"] == "INTERNAL"
    assert (house.ask("SELECT version, document FROM orders"), house.counts()) == before


@pytest.mark.parametrize(
    ("name", "who", "code"),
    [
        ("cancelOrder", BOB, "ORDER_NOT_FOUND"),
        ("markOrderReady", UDON, "ORDER_NOT_FOUND"),
        ("pickUpOrder", LEO, "NOT_YOURS"),
        ("deliverOrder", LEO, "NOT_YOURS"),
        ("markOrderReady", SOBA, None),
        ("pickUpOrder", KEN, "NOT_YET"),
        ("deliverOrder", KEN, "NOT_YET"),
    ],
)
async def test_mutations_are_the_owners(house: House, client: Client, name: str, who: Who, code: str | None) -> None:
    """Of the right role, but another's order: refused, the order not shown, nothing written."""
    order_id = await client.placed()
    house.accept(order_id)
    before = house.counts()
    payload = await client.act(name, who, order_id)
    assert [c for c, _ in refusals(payload)] == ([code] if code else [])
    if code:
        assert house.counts() == before
        assert payload["order"] is None or code == "NOT_YET"


MUTATIONS = {
    "cancelOrder(id: $id) { userErrors { code } }": "customer",
    'retryPayment(id: $id, paymentMethod: "pm") { userErrors { code } }': "customer",
    "markOrderReady(id: $id) { userErrors { code } }": "restaurant",
    "reportOutOfStock(id: $id, items: []) { userErrors { code } }": "restaurant",
    "pickUpOrder(id: $id) { userErrors { code } }": "courier",
    "deliverOrder(id: $id) { userErrors { code } }": "courier",
    "startShift { onShift }": "courier",
    "endShift { onShift }": "courier",
}


@pytest.mark.parametrize(("text", "role"), MUTATIONS.items())
async def test_mutations_are_of_one_role(house: House, client: Client, text: str, role: str) -> None:
    """Every other role is FORBIDDEN, nobody UNAUTHENTICATED; nothing is written."""
    order_id = await client.placed()
    before = house.counts()
    query = f"mutation($id: ID!) {{ {text} }}" if "$id" in text else f"mutation {{ {text} }}"
    for who in (ANN, SOBA, KEN, HELP):
        if who.role != role:
            assert await client.code(query, who, id=order_id) == "FORBIDDEN"
    assert await client.code(query, None, id=order_id) == "UNAUTHENTICATED"
    assert house.counts() == before


async def test_only_customers_place(house: House, client: Client) -> None:
    """Every other role is FORBIDDEN, nobody UNAUTHENTICATED."""
    codes = [await client.code(PLACE, who, input=wish()) for who in (SOBA, KEN, HELP, None)]
    assert codes == ["FORBIDDEN", "FORBIDDEN", "FORBIDDEN", "UNAUTHENTICATED"]
    assert sum(house.counts().values()) == 0


@pytest.mark.parametrize("order_id", ["nonsense", str(uuid.uuid4())])
async def test_unknown_order_is_refused(client: Client, order_id: str) -> None:
    """An id that is none, and one that nobody has."""
    payload = await client.act("cancelOrder", ANN, order_id)
    assert refusals(payload) == [("ORDER_NOT_FOUND", "id")]


async def test_shift_is_published_once(house: House, client: Client) -> None:
    """Starting twice is one fact, ending twice too."""
    for name in ("startShift", "startShift", "endShift", "endShift", "startShift"):
        await client.post(f"mutation {{ {name} {{ onShift userErrors {{ code }} }} }}", KEN)
    assert house.published(KEN.id) == ["shift_started", "shift_ended", "shift_started"]
