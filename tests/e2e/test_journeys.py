"""Every way an order can go, on the whole system: what its customer is pushed; what becomes of money, stock, courier.

All are played once, side by side: first those that people decide, then, with short allowances, those that a deadline
does. The tests look at what was seen, and at what is left.
"""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from uuid import uuid4

import pytest

from contracts.catalogue import ROOT
from demae_client import Client, Order
from ground.stack import Stack
from ground.waiting import until
from tests.support.evidence import captures, refunds
from tests.support.journeys import Played, Playing, Stock, ask, ended, play, shift, stock
from tests.support.ways import (
    BRULEE,
    COUNTED,
    DEADLINES,
    PEOPLE,
    QUICHE,
    REFUSED_REFUND,
    STANDING,
    WAITING,
    WAYS,
    cancelled_at_once,
)

NEEDS = ("settings", "stop", "processes", "database", "provider log", "provider faults")
pytestmark = pytest.mark.needs(*NEEDS)

WORDS = json.loads((ROOT / "presentation.json").read_text("utf-8"))
COURIERS = [f"journey-{uuid4().hex[:8]}-{number}" for number in range(12)]
ALLOWANCES = {
    "payment_timeout": 6,
    "payment_failed": 4,
    "no_courier": 4,
    "restaurant_silent": 8,
    "not_ready": 4,
    "not_picked_up": 4,
    "not_delivered": 4,
}
OPEN = {"PLACED", "PAID", "COURIER_ASSIGNED", "ACCEPTED", "READY", "PICKED_UP"}
ON_SHIFT = "SELECT courier_id FROM delivery.courier WHERE on_shift"


@dataclass(frozen=True)
class Seen:
    """What was played, and what was in the kitchens before; api's allowances during the deadlines, and afterwards."""

    played: dict[str, Played]
    before: Stock
    allowances: tuple[str, str]


@pytest.fixture(scope="module")
def seen(running_stack: Stack) -> Seen:
    """Every journey, played to its end."""
    if missing := set(NEEDS) - running_stack.abilities:
        pytest.skip(f"this stack has not: {', '.join(sorted(missing))}")
    before = stock(running_stack)
    with couriers_of_our_own(running_stack):
        played = asyncio.run(by_people(running_stack))
        with running_stack.settings(ALLOWANCES=json.dumps(ALLOWANCES)):
            short = allowances(running_stack)
            played |= asyncio.run(by_deadlines(running_stack))
    return Seen(played, before, (short, allowances(running_stack)))


def allowances(stack: Stack) -> str:
    """Those that api was started with; empty for its own."""
    return stack.environment("api-http").get("ALLOWANCES", "")


@contextmanager
def couriers_of_our_own(stack: Stack) -> Iterator[None]:
    """Nobody else is on shift meanwhile: whether a courier is free, the journeys decide."""
    others = [courier for (courier,) in ask(stack, ON_SHIFT)]
    asyncio.run(shift(stack, others, on=False))
    try:
        yield
    finally:
        asyncio.run(shift(stack, COURIERS, on=False))
        asyncio.run(shift(stack, others, on=True))


async def by_people(stack: Stack) -> dict[str, Played]:
    """With everybody there."""
    await shift(stack, COURIERS, on=True)
    plays = {name: way.play for name, way in PEOPLE.items()}
    played = await play(stack, plays | {"cancelled at once": cancelled_at_once})
    return played | await play(stack, {"refund refused": REFUSED_REFUND.play})


async def by_deadlines(stack: Stack) -> dict[str, Played]:
    """First with one courier and no kitchen, then with everybody there."""
    await shift(stack, COURIERS[1:], on=False)
    await shift(stack, COURIERS[:1], on=True)
    await asyncio.to_thread(stack.stop, "restaurant")
    standing = {}
    for name, way in STANDING.items():
        standing[name] = Playing(stack, way.play)
        if name != "payment timeout":
            await standing[name].stands.wait()
    played = await ended(standing)
    await asyncio.to_thread(stack.start, "restaurant")
    await asyncio.to_thread(stack.wait_ready, "restaurant")
    await shift(stack, COURIERS, on=True)
    return played | await play(stack, {name: way.play for name, way in WAITING.items()})


# -- what the customer was pushed --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WAYS)
def test_journey_ends_as_it_must(stack: Stack, seen: Seen, name: str) -> None:
    """Its facts, each a version pushed once; where the money is; why it was cancelled."""
    way, last = WAYS[name], seen.played[name].last
    assert [order["version"] for order in seen.played[name].journey.versions] == list(range(1, last["version"] + 1))
    assert " ".join(entry["event"] for entry in last["timeline"]) == way.facts
    assert last["payment"]["status"] == way.payment
    assert last["cancellation"] == ({"reason": way.reason} if way.reason else None)


@pytest.mark.parametrize("name", [name for name, way in WAYS.items() if way.reason])
def test_failure_is_told_in_words(stack: Stack, seen: Seen, name: str) -> None:
    """At once, when it is cancelled, and until it is settled: why, and what becomes of the money."""
    reason = WORDS["cancellations"][WAYS[name].reason]
    for order in seen.played[name].journey.versions:
        if order["status"] == "CANCELLED":
            money = WORDS["money"].get(order["payment"]["status"], WORDS["money"]["*"])
            assert order["message"] == f"Cancelled, because {reason}; {money}."
    told = {entry["event"]: entry for entry in seen.played[name].last["timeline"]}["order_cancelled"]
    assert (told["reason"], told["message"]) == (WAYS[name].reason, f"Cancelled, because {reason}.")


def test_decline_tells_the_way_out(stack: Stack, seen: Seen) -> None:
    """Each decline has its reason in words and for programs; the deadline is the first one's."""
    declined = [one for one in seen.played["another card"].journey.versions if one["payment"]["status"] == "FAILED"]
    reasons = [
        ("generic_decline", WORDS["declines"]["*"]),
        ("insufficient_funds", WORDS["declines"]["insufficient_funds"]),
    ]
    assert [(one["payment"]["failure"], one["message"].split(";")[0]) for one in declined] == [
        (code, f"Not paid, because {words}") for code, words in reasons
    ]
    assert len({json.dumps(one["deadline"]) for one in declined}) == 1
    assert [entry["reason"] for entry in declined[-1]["timeline"] if entry["event"] == "payment_failed"] == [
        code for code, _ in reasons
    ]


def test_every_version_says_what_can_be_done(stack: Stack, seen: Seen) -> None:
    """The customer's actions, until the end of the wait; a wait in every open status, and in no other."""
    for played in seen.played.values():
        for order in played.journey.versions:
            assert [action["name"] for action in order["actions"]] == can(order), order
            assert (order["deadline"] is not None) == (order["status"] in OPEN), order
            end = order["deadline"] and order["deadline"]["at"]
            assert {action["until"] for action in order["actions"]} <= {end}


def can(order: Order) -> list[str]:
    """What a customer can do."""
    cancel = ["CANCEL_ORDER"] if order["status"] in OPEN - {"PICKED_UP"} else []
    return cancel + (["RETRY_PAYMENT"] if (order["status"], order["payment"]["status"]) == ("PLACED", "FAILED") else [])


@pytest.mark.parametrize("name", DEADLINES)
def test_deadline_is_kept(stack: Stack, seen: Seen, name: str) -> None:
    """Cancelled for what was told, and not before the moment that was told."""
    versions = seen.played[name].journey.versions
    open_, ended_ = next(pair for pair in pairwise(versions) if pair[1]["status"] == "CANCELLED")
    assert open_["deadline"] and open_["deadline"]["reason"] == WAYS[name].reason
    at = datetime.fromisoformat(ended_["timeline"][-1]["at"])
    assert at >= datetime.fromisoformat(open_["deadline"]["at"])


def test_loser_is_told_why(stack: Stack, seen: Seen) -> None:
    """At once, with a code and a sentence that says who was faster, or whose it is now."""
    told = {
        name: [(one.code, one.message.split(":")[0]) for one in played.journey.told]
        for name, played in seen.played.items()
    }
    assert {name: words for name, words in told.items() if words} == {
        "cancelled ready": [("TOO_LATE", "The customer has cancelled the order")],
        "cancelled too late": [("TOO_LATE", "The courier has picked the order up")],
        "gone home": [("NOT_YOURS", "The order is not assigned to you")],
    }


async def test_refused_refund_is_support_s(stack: Stack, seen: Seen) -> None:
    """Support sees the provider's reason, and that a person has to act; the customer has nothing to do."""
    order_id = seen.played["refund refused"].last["id"]
    async with Client(f"{stack.url}/graphql", stack.token("helper", "support")) as support:
        order = await support.order(order_id)
    assert order and order["actions"] == [{"name": "REFUND_BY_HAND", "until": None}]
    assert order["payment"]["failure"] == order["timeline"][-1]["reason"] == "charge_disputed"


# -- what is left ------------------------------------------------------------------------------------------------------


def test_money_is_where_it_must_be(stack: Stack, seen: Seen) -> None:
    """By the provider's own log: captured once or not at all, and given back once or not at all."""
    taken, given = captures(stack.provider_log), refunds(stack.provider_log)
    for name, way in WAYS.items():
        order_id = seen.played[name].last["id"]
        paid = "payment_completed" in way.facts
        assert (taken[order_id], given[order_id]) == (int(paid), int(way.payment == "REFUNDED")), name


def test_cancel_at_once_costs_nothing(stack: Stack, seen: Seen) -> None:
    """Whatever the payment was doing: nothing was captured that was not given back."""
    last = seen.played["cancelled at once"].last
    assert (last["status"], last["cancellation"]) == ("CANCELLED", {"reason": "CUSTOMER"})
    assert captures(stack.provider_log)[last["id"]] == refunds(stack.provider_log)[last["id"]]
    assert last["payment"]["status"] == ("REFUNDED" if captures(stack.provider_log)[last["id"]] else "RELEASED")


def test_stock_is_put_back(stack: Stack, seen: Seen) -> None:
    """Gone is what was ready; what had run out is what the kitchen counted behind that."""
    eaten = [way.eaten for way in WAYS.values() if way.eaten]
    counted = {BRULEE: COUNTED, QUICHE: COUNTED}
    wanted = {key: counted.get(key[1], quantity - eaten.count(key[1])) for key, quantity in seen.before.items()}
    with suppress(AssertionError):  # the next line says more
        until(lambda: stock(stack) == wanted, 20)
    assert stock(stack) == wanted


def test_couriers_are_free(stack: Stack, seen: Seen) -> None:
    """Nobody carries anything, and no order is looked after any more."""
    ids = [played.last["id"] for played in seen.played.values()]
    busy = "SELECT courier_id, order_id FROM delivery.courier WHERE order_id = ANY(%s)"
    until(lambda: ask(stack, busy, ids) == [], 20, "couriers to be free")
    until(lambda: ask(stack, "SELECT FROM delivery.job WHERE order_id = ANY(%s) AND state <> 'CLOSED'", ids) == [], 20)


def test_settings_are_as_before(stack: Stack, seen: Seen) -> None:
    """A test can shorten the allowances for a while: they reach the services, and are taken back."""
    assert seen.allowances == (json.dumps(ALLOWANCES), "")
