"""The other ways of an order on a real Postgres: what is written, who wins, who is told what."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from api import events, mutations, queries
from api.domain import ALLOWANCES, Order, steps
from api.mutations import Told
from chassis.database import AsyncDatabase, AsyncTransaction
from chassis.envelope import new_id
from tests.support.api_house import (
    ANN,
    BOB,
    ERRORS,
    FIELDS,
    HELP,
    KEN,
    LEO,
    SOBA,
    UDON,
    WAY,
    Client,
    House,
    Who,
    assert_replays,
    opened,
    refusals,
)

ROUNDS = 30
RETRY = f"""mutation($id: ID!, $card: String!, $attempt: Int) {{
  retryPayment(id: $id, paymentMethod: $card, attempt: $attempt) {FIELDS} {ERRORS} }}"""
REPORT = f"mutation($id: ID!, $items: [ID!]!) {{ reportOutOfStock(id: $id, items: $items) {FIELDS} {ERRORS} }}"
STOCK = (
    f"mutation($item: ID!, $count: Int!) {{ setStock(itemId: $item, quantity: $count) {{ itemId quantity {ERRORS} }}"
)
LOOK = """query($id: ID!) { order(id: $id) {
  status message actions { name until } deadline { reason at } payment { status attempt failure }
  timeline { version event message reason at } } }"""
DECLINED = events.PaymentFailed(1, "insufficient_funds")


@pytest.fixture
def house(service_database: Callable[..., str]) -> House:
    """A database of this test's own."""
    return House(service_database)


@pytest.fixture
async def client(house: House) -> AsyncIterator[Client]:
    """The application on it."""
    async with opened(house.url) as client:
        yield client


async def payload(client: Client, query: str, who: Who, **variables: Any) -> dict[str, Any]:
    """What the one mutation of the document answers."""
    (answer,) = (await client.post(query, who, **variables))["data"].values()
    result: dict[str, Any] = answer
    return result


async def seen(client: Client, order_id: str, who: Who = ANN) -> dict[str, Any]:
    """The order as this viewer sees it."""
    order: dict[str, Any] = (await client.post(LOOK, who, id=order_id))["data"]["order"]
    return order


# -- another card ------------------------------------------------------------------------------------------------------


async def test_another_card_pays(house: House, client: Client) -> None:
    """Declined, asked again with another card, paid: each a version; the new card goes to payment alone."""
    order_id = await client.placed()
    house.fold(order_id, DECLINED)
    order = (await payload(client, RETRY, ANN, id=order_id, card="pm_other"))["order"]
    house.fold(order_id, events.PaymentCompleted(2))
    assert (order["status"], order["payment"]) == ("PLACED", {"status": "PENDING"})
    assert [kind for _, kind in house.journal(order_id)][1:] == [
        "payment_failed",
        "payment_retry_requested",
        "payment_completed",
    ]
    said = house.ask("SELECT payload FROM outbox WHERE type = 'payment_retry_requested'")
    assert said == [('{"attempt":2,"payment_method":"pm_other"}',)]
    assert house.ask("SELECT FROM journal WHERE payload LIKE '%%pm_other%%'") == []
    assert_replays(house, order_id)


async def test_lost_answer_is_asked_again(house: House, client: Client) -> None:
    """The same attempt asked for twice, at once even, is one: no card is asked twice."""
    order_id = await client.placed()
    house.fold(order_id, DECLINED)
    asked = {"id": order_id, "card": "pm_other", "attempt": 2}
    answers = await asyncio.gather(*(payload(client, RETRY, ANN, **asked) for _ in range(5)))
    assert [answer["userErrors"] for answer in answers] == [[]] * 5
    assert house.published(order_id) == ["order_created", "payment_retry_requested"]


async def test_attempt_stands_for_its_card(house: House, client: Client) -> None:
    """Asked for again with another card it is refused, whatever came of it, and nothing is charged."""
    order_id = await client.placed()
    house.fold(order_id, DECLINED)
    asked = {"id": order_id, "attempt": 2}
    await payload(client, RETRY, ANN, card="pm_first", **asked)
    at_once = await payload(client, RETRY, ANN, card="pm_second", **asked)
    house.fold(order_id, events.PaymentFailed(2, "expired_card"))
    later = await payload(client, RETRY, ANN, card="pm_second", **asked)
    stranger = await payload(client, RETRY, BOB, card="pm_second", **asked)
    assert [refusals(at_once), refusals(later)] == [[("ATTEMPT_REUSED", "attempt")]] * 2
    assert (later["order"]["id"], stranger["order"], refusals(stranger)) == (
        order_id,
        None,
        [("ORDER_NOT_FOUND", "id")],
    )
    assert house.published(order_id) == ["order_created", "payment_retry_requested"]


async def test_decline_keeps_its_deadline(house: House, client: Client) -> None:
    """`due_tick` is the first decline's, whatever is tried behind it."""
    order_id = await client.placed()
    house.fold(order_id, DECLINED)
    due = house.ask("SELECT due_tick FROM orders")
    house.ask("UPDATE clock SET k = k + 100")
    await payload(client, RETRY, ANN, id=order_id, card="pm_other")
    house.fold(order_id, events.PaymentFailed(2, "expired_card"))
    assert house.ask("SELECT due_tick FROM orders") == due == [(301,)]


# -- what has run out --------------------------------------------------------------------------------------------------


async def test_report_ends_the_order(house: House, client: Client) -> None:
    """Both facts in this order in one transaction; one version."""
    order_id = await client.placed()
    house.accept(order_id)
    order = (await payload(client, REPORT, SOBA, id=order_id, items=["soba"]))["order"]
    assert (order["status"], order["cancellation"]) == ("CANCELLED", {"reason": "OUT_OF_STOCK"})
    assert house.published(order_id) == ["order_created", "items_out_of_stock", "order_cancelled"]
    assert house.journal(order_id)[-1] == (5, "order_cancelled")
    assert house.ask("SELECT count(DISTINCT xmin::text) FROM outbox WHERE seq > 1") == [(1,)]
    assert_replays(house, order_id)


@pytest.mark.parametrize("table", ["outbox", "journal"])
async def test_report_is_atomic(house: House, client: Client, table: str) -> None:
    """Order, facts and version together or not at all."""
    order_id = await client.placed()
    house.accept(order_id)
    before = house.ask("SELECT version, document FROM orders"), house.counts()
    house.ask(f"ALTER TABLE {table} ADD CHECK (type <> 'order_cancelled') NOT VALID")
    assert await client.code(REPORT, SOBA, id=order_id, items=["soba"]) == "INTERNAL"
    assert (house.ask("SELECT version, document FROM orders"), house.counts()) == before


async def test_stranger_s_report_finds_nothing(house: House, client: Client) -> None:
    """Another restaurant is told what it would be told of no order; nothing is written."""
    order_id = await client.placed()
    house.accept(order_id)
    before = house.counts()
    answers = [await payload(client, REPORT, UDON, id=each, items=["soba"]) for each in (order_id, str(new_id()))]
    assert answers[0] == answers[1] and refusals(answers[0]) == [("ORDER_NOT_FOUND", "id")]
    assert house.counts() == before


async def test_several_versions_are_one_write(house: House, client: Client) -> None:
    """A decision's facts are versions in their order; one without a change goes to the log alone; nothing twice."""
    order_id = await client.placed()
    house.accept(order_id)
    database = AsyncDatabase(house.url, "test", 1)
    await database.open()
    facts = (events.ItemsOutOfStock((events.Missing("soba", 0),)), events.OrderReady(), events.OrderPickedUp(KEN.id))
    async with database.connection() as db:
        order = await queries.order(db, order_id)
        assert order is not None
        told = [Told(new_id(), fact, made) for fact, made in steps(order, facts)]
        answers = [await mutations.advance(db, 4, told, ALLOWANCES, None) for _ in range(2)]
    await database.close()
    assert answers == [told[-1].made, None]
    assert house.journal(order_id)[4:] == [(5, "order_ready"), (6, "order_picked_up")]
    assert house.published(order_id)[1:] == ["items_out_of_stock", "order_ready", "order_picked_up"]
    assert_replays(house, order_id)


async def test_count_is_published(house: House, client: Client) -> None:
    """For the restaurant's own item; the answer says what is there now."""
    answer = await payload(client, STOCK, SOBA, item="tea", count=7)
    assert answer == {"itemId": "tea", "quantity": 7, "userErrors": []}
    said = house.ask("SELECT topic, key, payload FROM outbox")
    assert said == [("restaurants.events", SOBA.id, '{"item_id":"tea","quantity":7}')]


@pytest.mark.parametrize(("item", "count", "code"), [("udon", 7, "ITEM_NOT_FOUND"), ("tea", -1, "INVALID_INPUT")])
async def test_strange_count_is_refused(house: House, client: Client, item: str, count: int, code: str) -> None:
    """Not on the menu, or no count: nothing is written."""
    answer = await payload(client, STOCK, SOBA, item=item, count=count)
    assert ([code for code, _ in refusals(answer)], answer["quantity"]) == ([code], None)
    assert house.counts()["outbox"] == 0


async def test_only_restaurants_count(house: House, client: Client) -> None:
    """Every other role is FORBIDDEN, nobody UNAUTHENTICATED."""
    codes = [await client.code(STOCK, who, item="tea", count=7) for who in (ANN, KEN, HELP, None)]
    assert codes == ["FORBIDDEN", "FORBIDDEN", "FORBIDDEN", "UNAUTHENTICATED"]


# -- one winner --------------------------------------------------------------------------------------------------------

WON = {"cancelOrder": "The customer has cancelled the order: ", "pickUpOrder": "The courier has picked the order up: "}


async def test_cancel_and_pickup_have_one_winner(house: House, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both decided on the same version, many times: one is done, the other is told at once who was faster."""
    winners = set()
    for turn in range(ROUNDS):
        order_id = await client.placed()
        house.fold(order_id, *WAY, events.OrderReady())
        read_together(monkeypatch)
        racers = [("cancelOrder", ANN), ("pickUpOrder", KEN)][:: 1 if turn % 2 else -1]
        answers = await asyncio.gather(*(client.act(name, who, order_id) for name, who in racers))
        told = {name: answer["userErrors"] for (name, _), answer in zip(racers, answers, strict=True)}
        (winner,) = [name for name, errors in told.items() if not errors]
        ((error,),) = [errors for errors in told.values() if errors]
        assert error["code"] == "TOO_LATE" and error["message"].startswith(WON[winner])
        ends = {"order_cancelled", "order_picked_up"} & set(house.published(order_id))
        assert ends == {"order_cancelled" if winner == "cancelOrder" else "order_picked_up"}
        winners.add(winner)
    assert winners == set(WON)


READ = queries.order


def read_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next two to read an order go on when both have read it; whoever reads later does not wait."""
    both, left = asyncio.Barrier(2), [1, 2]

    async def read(db: AsyncTransaction, order_id: str) -> Order | None:
        found = await READ(db, order_id)
        if left:
            left.pop()
            await both.wait()
        return found

    monkeypatch.setattr(queries, "order", read)


async def test_reassigned_between_read_and_write(house: House, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """The former courier's pick-up, decided on the version before, is decided again: it is not hers any more."""
    order_id = await client.placed()
    house.fold(order_id, *WAY, events.OrderReady())
    late = [events.DeliveryAssigned(2, LEO.id)]

    async def slow(db: AsyncTransaction, wanted: str) -> Order | None:
        found = await READ(db, wanted)
        while late:
            await asyncio.to_thread(house.fold, wanted, late.pop())
        return found

    monkeypatch.setattr(queries, "order", slow)
    assert refusals(await client.act("pickUpOrder", KEN, order_id)) == [("NOT_YOURS", "id")]
    assert (await client.act("pickUpOrder", LEO, order_id))["order"]["status"] == "PICKED_UP"
    assert_replays(house, order_id)


# -- what people are told ----------------------------------------------------------------------------------------------


async def test_declined_order_tells_the_way_out(house: House, client: Client) -> None:
    """Why, what to do, until when: the wait's beginning in the journal and its allowance."""
    order_id = await client.placed()
    house.fold(order_id, DECLINED)
    order = await seen(client, order_id)
    began = datetime.fromisoformat(order["timeline"][1]["at"])
    end = (began + timedelta(seconds=300)).isoformat().replace("+00:00", "Z")
    assert order["message"].startswith("Not paid, because there is not enough money on the card; pay with another card")
    assert order["deadline"] == {"reason": "PAYMENT_FAILED", "at": end}
    assert order["actions"] == [{"name": name, "until": end} for name in ("CANCEL_ORDER", "RETRY_PAYMENT")]
    assert order["payment"] == {"status": "FAILED", "attempt": 1, "failure": "insufficient_funds"}
    assert order["timeline"][1]["reason"] == "insufficient_funds"


async def test_actions_are_the_viewer_s(house: House, client: Client) -> None:
    """Of one order each role sees its own."""
    order_id = await client.placed()
    house.accept(order_id)
    found = {who.role: [one["name"] for one in (await seen(client, order_id, who))["actions"]] for who in PEOPLE}
    assert found == {
        "customer": ["CANCEL_ORDER"],
        "restaurant": ["MARK_ORDER_READY", "REPORT_OUT_OF_STOCK"],
        "courier": [],
        "support": [],
    }


PEOPLE = (ANN, SOBA, KEN, HELP)


async def test_mutation_tells_the_new_order(house: House, client: Client) -> None:
    """The payload has the words and the actions of the version it made."""
    order_id = await client.placed()
    house.accept(order_id)
    query = "mutation($id: ID!) { cancelOrder(id: $id) { order { message actions { name } timeline { message } } } }"
    order = (await payload(client, query, ANN, id=order_id))["order"]
    assert order["message"] == "Cancelled, because the customer asked for it; the money is on its way back to the card."
    assert (order["actions"], order["timeline"][-1]["message"]) == (
        [],
        "Cancelled, because the customer asked for it.",
    )


async def test_stranger_s_retry_finds_nothing(house: House, client: Client) -> None:
    """Another's declined order is nobody's to pay."""
    order_id = await client.placed()
    house.fold(order_id, DECLINED)
    assert refusals(await payload(client, RETRY, BOB, id=order_id, card="pm")) == [("ORDER_NOT_FOUND", "id")]
    assert json.loads(house.ask("SELECT document FROM orders")[0][0])["payment"]["attempt"] == 1
