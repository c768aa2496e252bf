"""The load: who places what, and how; nobody is reached, the desk is a fake."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chaos.desk import Principal
from chaos.journeys import Cancel, Manner, Wish
from chaos.operations import Answer, Shape
from chaos.stories import Story
from chaos.town import CUSTOMERS, POLLING, Target, Town
from check.history import Recorder

Placed = tuple[str, Shape, bool, bool]


class Seen:
    """What the town asked for."""

    def __init__(self) -> None:
        self.placed: list[Placed] = []
        self.acted: list[tuple[str, str, str | None]] = []
        self.watched: list[tuple[int, str]] = []
        self.code = ""

    async def place(self, who: Principal, wanted: Shape, wish: str, *, rest: bool, impatient: bool) -> Answer:
        self.placed.append((who.name, wanted, rest, impatient))
        return Answer(None, self.code) if self.code else Answer({"id": f"order of {wanted['idempotencyKey']}"}, "")

    async def act(self, who: Principal, do: str, order: str | None = None, **_: object) -> Answer:
        self.acted.append((who.name, do, order))
        return Answer(None, "")


def follower(seen: Seen, number: int) -> Any:
    """One who writes down what is watched."""

    class Follower:
        async def watch(self, story: Story) -> None:
            seen.watched.append((number, story.id))

        async def peep(self, order: str) -> None:
            seen.watched.append((number, f"stranger of {order}"))

    return Follower()


async def lived(folder: Path, *wishes: Wish, code: str = "") -> tuple[Town, Seen]:
    """The town after these customers came."""
    seen = Seen()
    seen.code = code
    with Recorder(folder / "town.jsonl", "town") as recorder:
        town = Town(Target("http://127.0.0.1:1", "a secret of at least thirty-two bytes", 1), recorder)
        town.desk.place = seen.place  # type: ignore[method-assign]
        town.desk.act = seen.act  # type: ignore[method-assign]
        town._following = [follower(seen, number) for number in range(CUSTOMERS)]
        for wish in wishes:
            town.welcome(wish)
        await asyncio.gather(*town._tasks)
        await town.end()
    return town, seen


async def test_customers_take_turns(tmp_path: Path) -> None:
    """Each order is placed and watched by one of them; the first ones do it by REST."""
    town, seen = await lived(tmp_path, *[Wish()] * (CUSTOMERS + 1))
    assert [rest for _, _, rest, _ in seen.placed] == [*(n < POLLING for n in range(CUSTOMERS)), True]
    assert [number for number, _ in seen.watched] == [*range(CUSTOMERS), 0]
    assert len({wanted["idempotencyKey"] for _, wanted, _, _ in seen.placed}) == CUSTOMERS + 1
    assert len(town.open) == CUSTOMERS + 1


@pytest.mark.parametrize(
    ("manner", "quantities", "impatient"),
    [
        (Manner.PLAIN, [1], False),
        (Manner.TWICE, [1, 1], False),
        (Manner.OTHER, [1, 2], False),
        (Manner.LOST, [1], True),
    ],
)
async def test_orders_are_placed_in_their_manner(
    tmp_path: Path, manner: Manner, quantities: list[int], impatient: bool
) -> None:
    """By one key always; another wish only behind the first one's answer."""
    _, seen = await lived(tmp_path, Wish(manner=manner))
    assert [wanted["items"][0]["quantity"] for _, wanted, _, _ in seen.placed] == quantities
    assert len({wanted["idempotencyKey"] for _, wanted, _, _ in seen.placed}) == 1
    assert seen.placed[0][3] is impatient


async def test_refused_order_is_told(tmp_path: Path) -> None:
    """Nobody wishes for what is refused: it is a violation, and the order is over."""
    town, seen = await lived(tmp_path, Wish(), code="ITEM_NOT_FOUND")
    assert town.faults == ["placeOrder of order 0 was refused: ITEM_NOT_FOUND"]
    assert (town.unsettled(), seen.watched) == ([], [])


async def test_stranger_is_somebody_else(tmp_path: Path) -> None:
    """Who tries to watch it is another customer."""
    _, seen = await lived(tmp_path, Wish(curious=True))
    assert seen.watched == [(0, "order of chaos-1-000000"), (CUSTOMERS - 1, "stranger of order of chaos-1-000000")]


async def test_customer_cancels_by_herself(tmp_path: Path) -> None:
    """After the acknowledgement, when no push is waited for."""
    _, seen = await lived(tmp_path, Wish(cancel=Cancel(0.0)), replace(Wish(), cancel=Cancel(0.0, "READY")))
    assert seen.acted == [("customer-00", "cancelOrder", "order of chaos-1-000000")]


async def test_broken_load_is_told(tmp_path: Path) -> None:
    """An error of the load itself is no silence."""
    with Recorder(tmp_path / "town.jsonl", "town") as recorder:
        town = Town(Target("http://127.0.0.1:1", "a secret of at least thirty-two bytes", 1), recorder)

        async def broken() -> None:
            raise KeyError("courier")

        town.spawn(broken())
        await asyncio.wait(town._tasks)
        await asyncio.sleep(0)
        await town.end()
    assert town.faults == ["the load broke: KeyError('courier')"]
