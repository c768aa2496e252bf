"""`demae first-order` against a system of our own making."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from io import StringIO
from typing import Any, cast

import pytest
from rich.console import Console

from cli.errors import CommandError
from cli.story import Plan, tell
from cli.tokens import Role
from demae_client import Client, Unreachable

PATH = ["PLACED", "PAID", "COURIER_ASSIGNED", "ACCEPTED", "READY", "PICKED_UP", "DELIVERED"]
PLAN = Plan(couriers=["c-01", "c-02"], card="pm_card_visa", deadline=5.0)


class FakeSystem:
    """Walks an order along `path`; waits at READY and PICKED_UP for the courier, and for ever at the path's end."""

    def __init__(self, path: Sequence[str] = PATH, menu: bool = True) -> None:
        self.path = path
        self.menu = [{"id": "pizza"}] if menu else []
        self.acts: list[str] = []
        self.acted = asyncio.Event()

    def speak_as(self, subject: str, role: Role) -> Client:
        return cast(Client, FakeClient(self, subject))

    def order(self, version: int) -> dict[str, Any]:
        status = self.path[version - 1]
        at = "2026-11-24T12:00:00Z"
        fact = {"event": "payment_failed", "message": "The card was declined.", "reason": "declined", "at": at}
        timeline = [{"version": v, "status": s} | fact for v, s in enumerate(self.path[:version], 1)]
        people = {"courierId": "c-02", "restaurantName": "Nino"}
        money = {"total": {"amount": 1, "currency": "EUR"}, "payment": {"status": "FAILED", "failure": "declined"}}
        end = {"cancellation": {"reason": "PAYMENT_FAILED"} if status == "CANCELLED" else None}
        return {"id": "o-1", "version": version, "status": status, "timeline": timeline} | people | money | end


class FakeClient:
    """The part of demae_client that the story uses."""

    def __init__(self, system: FakeSystem, subject: str) -> None:
        self._system = system
        self._subject = subject

    async def __aenter__(self) -> "FakeClient":
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    async def _act(self, what: str) -> None:
        self._system.acts.append(f"{self._subject} {what}")
        self._system.acted.set()

    async def start_shift(self) -> None:
        await self._act("shift")

    async def pick_up(self, order_id: str) -> None:
        await self._act(f"pick-up {order_id}")

    async def deliver(self, order_id: str) -> None:
        await self._act(f"deliver {order_id}")

    async def restaurants(self, first: int) -> list[dict[str, Any]]:
        return [{"id": "r-0", "menu": []}, {"id": "r-1", "menu": self._system.menu}]

    async def place_order(self, restaurant: str, items: dict[str, int], card: str) -> dict[str, Any]:
        assert (restaurant, items, card) == ("r-1", {"pizza": 1}, "pm_card_visa")
        return self._system.order(1)

    async def watch(self, order_id: str) -> AsyncIterator[dict[str, Any]]:
        for version, status in enumerate(self._system.path, 1):
            if status in ("PICKED_UP", "DELIVERED"):
                await self._system.acted.wait()
            self._system.acted.clear()
            yield self._system.order(version)
        await asyncio.Event().wait()


async def play(system: FakeSystem, plan: Plan = PLAN) -> str:
    out = StringIO()
    await tell(plan, system.speak_as, Console(file=out, width=120))
    return out.getvalue()


async def test_story_ends_delivered() -> None:
    """Every version is printed once, and the assigned courier carried the order."""
    system = FakeSystem()
    told = await play(system)
    assert [told.count(f" v{version} ") for version in range(1, 8)] == [1] * 7
    assert system.acts[2:] == ["c-02 pick-up o-1", "c-02 deliver o-1"]
    assert "Delivered" in told


async def test_couriers_start_their_shifts() -> None:
    """All seeded couriers are on shift before the order is placed."""
    system = FakeSystem()
    await play(system)
    assert system.acts[:2] == ["c-01 shift", "c-02 shift"]


async def test_cancelled_story_fails_with_reason() -> None:
    """A cancelled order is a failure that gives the reason and the provider's words."""
    with pytest.raises(CommandError, match=r"payment failed \(declined\)"):
        await play(FakeSystem(["PLACED", "CANCELLED"]))


async def test_late_story_says_where_it_stands() -> None:
    """After the deadline the message holds the last status that was seen."""
    late = Plan(PLAN.couriers, PLAN.card, deadline=0.05)
    with pytest.raises(CommandError, match=r"it is PAID .* since version 2"):
        await play(FakeSystem(PATH[:2]), late)


async def test_empty_menu_is_named() -> None:
    """Without a menu nothing is placed."""
    with pytest.raises(CommandError, match="No restaurant has a menu yet"):
        await play(FakeSystem(menu=False))


async def test_unreachable_system_is_named() -> None:
    """A connection that fails is a sentence, not a stack trace."""

    class Away(FakeSystem):
        def speak_as(self, subject: str, role: Role) -> Client:
            raise Unreachable("connection refused")

    with pytest.raises(CommandError, match=r"could not start their shifts(?s:.*)connection refused"):
        await play(Away())
