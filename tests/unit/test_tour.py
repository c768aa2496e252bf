"""The tour's stories against a stage of paper: what is told when one ends otherwise than it must."""

import asyncio
from contextlib import nullcontext
from typing import Any

import pytest

from demae_client import Lost, Order
from tour import __main__ as program
from tour.stage import Ending, Stage, StoryError, ending, gaps
from tour.stories import DELIVERED, STORIES, Story, cancelled


def order(version: int, status: str, payment: str = "COMPLETED", reason: str | None = None) -> Order:
    """What a story looks at."""
    shown: Any = {"version": version, "status": status, "payment": {"status": payment}, "timeline": []}
    return shown | {"cancellation": reason and {"reason": reason}}  # type: ignore[no-any-return]


class Silent:
    """Prints nothing."""

    def say(self, text: str) -> None:
        """Nothing."""

    def show(self, order: Order, seen: int) -> None:
        """Nothing."""


def stage(*pushed: Order) -> Stage:
    """On which these versions come, and then the stream ends."""

    class Paper(Stage):
        async def place(self, restaurant: str, dish: str, card: str = "pm_card_visa") -> None:
            self._watching = asyncio.create_task(self._push())

        async def _push(self) -> None:
            try:
                for one in pushed:
                    await self._seen(one)
            finally:
                async with self._moved:
                    self._moved.notify_all()

    def nobody(who: str, role: object) -> Any:
        return nullcontext(object())

    machines: Any = None
    return Paper(nobody, machines, Silent())


async def placed(on: Stage) -> None:
    """A story in which nobody does anything."""
    await on.place("kitchen", "dish")


def played(*pushed: Order, endings: tuple[Ending, ...] = (DELIVERED,)) -> Any:
    """What the tour makes of it."""
    return asyncio.run(program.play(1, Story("title", "lesson", endings, placed), stage(*pushed)))


def test_there_are_eight_stories() -> None:
    """With a title of their own each."""
    assert len({story.title for story in STORIES}) == 8


def test_expected_ending_is_right() -> None:
    """One of those that a story may have."""
    assert played(order(1, "PLACED"), order(2, "DELIVERED")).fault == ""
    lost = played(order(1, "CANCELLED", "REFUNDED", "CUSTOMER"), endings=(DELIVERED, cancelled("CUSTOMER")))
    assert lost.fault == ""


def test_other_ending_is_a_fault() -> None:
    """The table shows what it was."""
    found = played(order(1, "CANCELLED", "REFUNDED", "NO_COURIER"))
    assert (found.fault, found.real) == ("another ending", "CANCELLED (NO_COURIER), payment REFUNDED")


def test_missing_version_is_a_fault() -> None:
    """Also when the ending is right."""
    assert played(order(1, "PLACED"), order(3, "DELIVERED")).fault == "versions pushed: [1, 3]"
    assert gaps([order(1, "PLACED"), order(1, "PLACED")]) == "versions pushed: [1, 1]"


def test_stream_that_ends_early_is_told() -> None:
    """Whoever waits for a version that does not come is told how far the order came."""

    async def wait() -> None:
        on = stage(order(1, "PLACED", "PENDING"))
        await on.place("kitchen", "dish")
        await on.until(lambda one: one["status"] == "READY", "READY")

    with pytest.raises(StoryError, match=r"to be READY, and it is PLACED \(payment PENDING\) at version 1"):
        asyncio.run(wait())


def test_watch_that_breaks_says_why() -> None:
    """The reason is the watch's own, not that the order came no further."""
    on = stage(order(1, "PLACED"))

    async def breaks(order: Order) -> None:
        raise Lost(1006, "gone")

    async def wait() -> None:
        await on.place("kitchen", "dish")
        await on.until(lambda one: one["status"] == "READY", "READY")

    on._seen = breaks  # type: ignore[method-assign]
    with pytest.raises(Lost):
        asyncio.run(wait())


def test_ending_names_its_reason() -> None:
    """As the customer saw it."""
    assert str(ending(order(6, "CANCELLED", "RELEASED", "CUSTOMER"))) == "CANCELLED (CUSTOMER), payment RELEASED"
