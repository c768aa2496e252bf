"""docs/order.md is made from the rules."""

import pytest

from api.events import Reason
from api.order import Status, settled
from drawing import __main__ as page
from drawing import journeys, machine


def test_page_is_fresh() -> None:
    """`make drawing` writes it."""
    text = page.PAGE.read_text("utf-8")
    assert text == page.fresh(text)


def test_page_without_a_place_is_refused() -> None:
    """A part that is gone would never be fresh again."""
    with pytest.raises(ValueError, match="unpack"):
        page.fresh("nothing of it")


def test_picture_holds_every_status() -> None:
    """Each is reached, and each is left."""
    drawn = machine.statuses()
    for status in set(Status) - {Status.NONE}:
        assert f"--> {status}:" in drawn
        assert f"  {status} --> " in drawn


def test_every_way_to_end_is_told() -> None:
    """A new reason has a journey, or the page is not whole."""
    ends = {
        told.end.cancellation.reason.lower() for told in map(journeys.play, journeys.JOURNEYS) if told.end.cancellation
    }
    assert ends == set(Reason)


@pytest.mark.parametrize("journey", journeys.JOURNEYS, ids=lambda journey: journey.what)
def test_cancelled_journeys_are_settled(journey: journeys.Journey) -> None:
    """The table tells them to their end."""
    end = journeys.play(journey).end
    assert end.status is not Status.CANCELLED or settled(end)
