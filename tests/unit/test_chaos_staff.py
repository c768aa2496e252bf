"""Customers, kitchens and couriers: what a push makes them do."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from chaos import staff as house
from chaos.desk import Desk, Principal
from chaos.journeys import MANUAL, REPORTED, SCARCE, Cancel, Courier, Kitchen, Wish
from chaos.operations import Answer
from chaos.staff import Staff
from chaos.stories import Story

CUSTOMER = Principal("ada", "customer", "", b"")


@dataclass
class FakeDesk:
    """Writes down who asks what; `refusals` are answered first."""

    refusals: list[str] = field(default_factory=list)
    asked: list[tuple[str, str, Any]] = field(default_factory=list)

    def principal(self, name: str, role: str) -> Principal:
        return Principal(name, role, "", b"")

    async def act(self, who: Principal, do: str, order: str | None = None, **variables: object) -> Answer:
        self.asked.append((who.name, do, order or variables))
        return Answer(None, self.refusals.pop(0) if self.refusals else "")


async def pushed(wish: Wish, *orders: dict[str, Any], desk: FakeDesk | None = None) -> list[tuple[str, str, Any]]:
    """What everybody did about these pushes, one after the other."""
    desk, tasks = desk or FakeDesk(), []

    def spawn(work: Coroutine[Any, Any, None]) -> None:
        tasks.append(asyncio.create_task(work))

    staff = Staff(cast(Desk, desk), 1, spawn)
    story = Story(0, wish, "key-0001", 0.0, id="o-1")
    for order in orders:
        story.see(order, 1.0)
        staff.told(story, CUSTOMER, order)
        await asyncio.gather(*tasks)
    return desk.asked


def order(status: str, payment: str = "COMPLETED", attempt: int = 1, **more: Any) -> dict[str, Any]:
    """An order as it is pushed."""
    paying = {"status": payment, "attempt": attempt}
    return {
        "id": "o-1",
        "version": 1,
        "status": status,
        "payment": paying,
        "cancellation": None,
        "courierId": "c-07",
    } | more


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody takes a rest."""
    monkeypatch.setattr(house, "BACK_SECONDS", (0.0, 0.0))
    monkeypatch.setattr(house, "RESTOCK_SECONDS", 0.0)
    monkeypatch.setattr(house, "EARLY_SECONDS", 0.0)


async def test_assigned_courier_carries() -> None:
    """READY, and the one who has it acts; a repeat of the push changes nothing."""
    carried = [("c-07", "pickUpOrder", "o-1"), ("c-07", "deliverOrder", "o-1")]
    assert await pushed(Wish(), order("READY"), order("READY")) == carried


async def test_new_courier_carries_too() -> None:
    """The order was given to somebody else meanwhile."""
    done = await pushed(Wish(), order("READY"), order("READY", courierId="c-08"))
    assert [who for who, _, _ in done] == ["c-07", "c-07", "c-08", "c-08"]


async def test_early_courier_asks_again() -> None:
    """A push can be faster than what the API sees of its commit."""
    done = await pushed(Wish(), order("READY"), desk=FakeDesk(["NOT_YET"]))
    assert [do for _, do, _ in done] == ["pickUpOrder", "pickUpOrder", "deliverOrder"]


@pytest.mark.parametrize(("courier", "does"), [(Courier.FORGETS, []), (Courier.VANISHES, ["pickUpOrder"])])
async def test_lazy_couriers_stop_early(courier: Courier, does: list[str]) -> None:
    """One never picks up, one never delivers."""
    assert [do for _, do, _ in await pushed(Wish(courier=courier), order("READY"))] == does


async def test_leaving_courier_comes_back() -> None:
    """The shift ends while the dish is cooked, once, and begins again."""
    wish = Wish(restaurant=MANUAL[0], item=MANUAL[1], kitchen=Kitchen.SLEEPS, courier=Courier.LEAVES)
    done = await pushed(wish, order("ACCEPTED"), order("ACCEPTED", courierId="c-08"))
    assert [(who, do) for who, do, _ in done] == [("c-07", "endShift"), ("c-07", "startShift")]


@pytest.mark.parametrize(
    ("kitchen", "does"),
    [(Kitchen.COOKS, ["markOrderReady"]), (Kitchen.REPORTS, ["reportOutOfStock"]), (Kitchen.SLEEPS, [])],
)
async def test_kitchens_by_hand(kitchen: Kitchen, does: list[str]) -> None:
    """What the kitchen does when it has the order."""
    done = await pushed(Wish(restaurant=MANUAL[0], item=MANUAL[1], kitchen=kitchen), order("ACCEPTED"))
    assert [(who, do) for who, do, _ in done] == [(MANUAL[0], do) for do in does]


async def test_automatic_kitchens_say_nothing() -> None:
    """They cook by themselves."""
    assert await pushed(Wish(), order("ACCEPTED")) == []


@pytest.mark.parametrize(("dish", "quantity"), [(SCARCE, house.LITTLE), (REPORTED, house.PLENTY)])
async def test_missing_dish_is_restocked(dish: tuple[str, str], quantity: int) -> None:
    """Little of what is to be scarce, plenty of the rest."""
    wish = Wish(restaurant=dish[0], item=dish[1])
    done = await pushed(wish, order("CANCELLED", "REFUNDED", cancellation={"reason": "OUT_OF_STOCK"}))
    assert done == [(dish[0], "setStock", {"itemId": dish[1], "quantity": quantity})]


async def test_declined_card_is_replaced() -> None:
    """One card after the other, each once; none left, none tried."""
    failed = [order("PLACED", "FAILED", attempt) for attempt in (1, 1, 2, 3)]
    done = await pushed(Wish(cards=("second", "third")), *failed)
    assert done == [("ada", "retryPayment", "o-1")] * 2


async def test_customer_cancels_on_a_push() -> None:
    """At the status she waits for."""
    done = await pushed(Wish(cancel=Cancel(0.0, "PAID")), order("PLACED", "PENDING"), order("PAID"), order("PAID"))
    assert done == [("ada", "cancelOrder", "o-1")]


async def test_striking_courier_begins_no_shift() -> None:
    """Until the strike is over."""
    desk = FakeDesk()
    staff = Staff(cast(Desk, desk), 1, lambda work: work.close())
    staff.striking = True
    await staff.begin_shift("c-01")
    assert desk.asked == []
