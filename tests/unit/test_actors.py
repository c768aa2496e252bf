"""The actors against people and a system of our own making."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest

from actors import report, staff
from actors.__main__ import setting
from actors.customer import Story, live
from actors.people import passing
from demae_client import (
    Client,
    DemaeError,
    Gap,
    Lost,
    Order,
    RequestError,
    Restaurant,
    Unreachable,
    UserError,
    UserErrors,
)

MENU = [cast(Restaurant, {"id": "r-1", "name": "Nino", "menu": [{"id": "pizza"}]})]


def order(status: str, version: int = 1, reason: str | None = None) -> Order:
    payment = {"status": "COMPLETED", "failure": None}
    cancellation = {"reason": reason} if reason else None
    found = {"id": "o-1", "status": status, "version": version, "payment": payment, "cancellation": cancellation}
    return cast(Order, found)


class Script:
    """A client that answers from lists: an exception in a list is raised in its turn."""

    def __init__(self, placing: list[Any], watching: list[Any]) -> None:
        self.placing = placing
        self.watching = watching
        self.keys: list[str | None] = []
        self.cursors: list[int] = []

    async def place_order(self, *_: Any, idempotency_key: str | None = None) -> Order:
        self.keys.append(idempotency_key)
        answer = self.placing.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return cast(Order, answer)

    async def watch(self, order_id: str, after: int) -> AsyncIterator[Order]:
        self.cursors.append(after)
        while self.watching:
            answer = self.watching.pop(0)
            if isinstance(answer, Exception):
                raise answer
            yield answer


async def lived(script: Script) -> Story:
    story = Story()
    await live(cast(Client, script), MENU, story)
    return story


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actors.customer.AGAIN_SECONDS", 0.0)


async def test_customer_sees_the_end() -> None:
    """An order followed to DELIVERED is told as delivered."""
    story = await lived(Script([order("PLACED")], [order("PLACED"), order("DELIVERED", 2)]))
    assert report.ending(story) == "delivered"


async def test_customer_asks_again_by_the_same_key() -> None:
    """Trouble that passes never makes a second order."""
    script = Script([Unreachable("away"), RequestError("INTERNAL", "fault"), order("PLACED")], [order("DELIVERED")])
    await lived(script)
    assert len(script.keys) == 3
    assert len(set(script.keys)) == 1


async def test_customer_resumes_behind_the_last_version() -> None:
    """A watch that is refused for a while goes on where it was."""
    watching = [order("PLACED"), order("PAID", 2), RequestError("INTERNAL", "fault"), order("DELIVERED", 3)]
    script = Script([order("PLACED")], watching)
    await lived(script)
    assert script.cursors == [0, 2]


@pytest.mark.parametrize("error", [Gap("o-1", 2, 3), RequestError("FORBIDDEN", "not yours")])
async def test_broken_promise_is_a_fault(error: DemaeError) -> None:
    """A gap and a refusal are no passing trouble: they stand in the report."""
    story = await lived(Script([order("PLACED")], [order("PLACED"), error]))
    assert report.ending(story) == "fault"
    assert not report.sound([story], cancellations=True)


async def test_cancelled_order_is_told_with_reason() -> None:
    """It counts as well ended only where cancellations are allowed."""
    story = await lived(Script([order("PLACED")], [order("CANCELLED", 2, "NO_COURIER")]))
    assert report.ending(story) == "cancelled: NO_COURIER"
    assert [report.sound([story], allowed) for allowed in (True, False)] == [True, False]


async def test_order_without_end_is_unfinished() -> None:
    """A stream that completes too early is not taken for an end."""
    story = await lived(Script([order("PLACED")], [order("PAID", 2)]))
    assert report.ending(story) == "unfinished"
    assert report.faults([story]) == ["o-1: not seen to its end"]


async def test_courier_does_what_follows() -> None:
    """One look is enough to pick an order up and deliver it."""
    done: list[str] = []

    async def pick_up(order_id: str) -> Order:
        done.append(f"pick up {order_id}")
        return order("PICKED_UP")

    async def deliver(order_id: str) -> Order:
        done.append(f"deliver {order_id}")
        return order("DELIVERED")

    await staff.serve([order("READY"), order("PLACED")], {"READY": pick_up, "PICKED_UP": deliver})
    assert done == ["pick up o-1", "deliver o-1"]


async def test_staff_shrugs_at_a_refusal() -> None:
    """An order that went on meanwhile does not keep the others waiting."""
    asked: list[str] = []

    async def refuse(order_id: str) -> Order:
        asked.append(order_id)
        raise UserErrors([UserError("TOO_LATE", "cancelled")])

    await staff.serve([order("READY"), order("READY")], {"READY": refuse})
    assert len(asked) == 2


async def test_staff_persists_through_a_restart() -> None:
    """A shift is asked for until it is answered."""
    answers: list[Exception | bool] = [Unreachable("away"), Lost(1006, "gone"), True]

    async def start_shift() -> bool:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    await asyncio.wait_for(staff.persist(start_shift, 0.0), 5)
    assert answers == []


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (Unreachable("away"), True),
        (RequestError("INTERNAL", "fault"), True),
        (RequestError("UNAUTHENTICATED", "who?"), False),
        (Gap("o", 1, 2), False),
    ],
)
def test_passing_trouble_is_told_apart(error: DemaeError, passes: bool) -> None:
    """What a restart brings passes; what the system says on purpose does not."""
    assert passing(error) is passes


def test_table_shows_quantiles() -> None:
    """Nearest rank of what was delivered."""
    assert [report.percentile([3.0, 1.0, 2.0], percent) for percent in (50, 99)] == [2.0, 3.0]
    assert report.table([Story(order_id="o", end="DELIVERED", took=1.0)]).row_count == 4


def test_secret_may_be_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Named as its variable; the environment wins, and neither is empty."""
    monkeypatch.setenv("SECRETS", str(tmp_path))
    monkeypatch.delenv("JWT_SECRET", raising=False)
    assert not setting("JWT_SECRET")
    (tmp_path / "JWT_SECRET").write_text("from a file\n")
    assert setting("JWT_SECRET") == "from a file"
    monkeypatch.setenv("JWT_SECRET", "from the environment")
    assert setting("JWT_SECRET") == "from the environment"
