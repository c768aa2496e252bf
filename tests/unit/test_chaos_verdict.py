"""What chaos itself judges: endings, and parts that came back."""

import pytest

from chaos.journeys import Wish
from chaos.report import recoveries
from chaos.stories import Story
from chaos.verdict import Met, alone, of_story, violations
from tests.support.chaos_fates import cancelled, met, story

LEFT = Wish("declined_left", endings=frozenset({"PAYMENT_FAILED"}))


@pytest.mark.parametrize("told", [story(), cancelled("PAYMENT_FAILED", LEFT), story(refused="TOO_LATE", closed=False)])
def test_good_ends_are_silent(told: Story) -> None:
    """As the journey says, or refused at once."""
    assert of_story(told, (), ()) == ""


def test_other_end_is_a_violation() -> None:
    """A healthy order was cancelled by a deadline."""
    told = of_story(cancelled("PAYMENT_TIMEOUT"), (), ())
    assert told == "order o-1 (happy) ended PAYMENT_TIMEOUT, not DELIVERED"


@pytest.mark.parametrize(
    "open_",
    [
        story(status="PAID", closed=False, ended=0.0),
        cancelled("CUSTOMER", payment="REFUNDING", closed=False),
        story(closed=False),
        story(id="", version=0, status="", closed=False),
    ],
)
def test_untold_end_is_a_violation(open_: Story) -> None:
    """Open, unsettled, not completed by the server, or never acknowledged."""
    assert "was not told to its end" in of_story(open_, (), ())


def test_poison_excuses_deadlines_only() -> None:
    """An order behind a parked event may time out; nobody cancels it for another reason."""
    assert of_story(cancelled("PAYMENT_TIMEOUT"), {"o-1"}, ()) == ""
    assert of_story(cancelled("CUSTOMER"), {"o-1"}, ()) != ""


@pytest.mark.parametrize(("strike", "excused"), [((90.0, 105.0), True), ((50.0, 99.0), False), ((111.0, 120.0), False)])
def test_strike_excuses_its_own_time(strike: tuple[float, float], excused: bool) -> None:
    """Only for want of a courier, and only while they struck."""
    assert (of_story(cancelled("NO_COURIER"), (), [strike]) == "") is excused
    assert of_story(cancelled("NOT_READY"), (), [strike]) != ""


def test_lost_part_is_a_violation() -> None:
    """One that did not work again; not one that was never disturbed, or has nothing to recover."""
    faults = [
        met("payment", 1, 2, None),
        met("kafka", 1, 2, None, failed="it was away"),
        met("orders.events", 1, 2, None, kind="duplicates"),
    ]
    assert violations([], faults, (), (), ()) == [
        "kill payment: payment did not work again within 120 s",
        "not done: kill kafka: it was away",
    ]


def test_load_and_rest_are_told() -> None:
    """What the load met, and what never came to rest."""
    assert violations([], [], (), ["the load broke"], ["3 open orders"]) == [
        "the load broke",
        "not at rest at the end: 3 open orders",
    ]


@pytest.mark.parametrize(
    ("other", "lone"),
    [
        (met("kafka", 13, 14, 15), True),
        (met("kafka", 5, 6, 9), True),
        (met("kafka", 5, 6, 10.5), False),
        (met("kafka", 11, 11, 12), False),
        (met("orders.events", 11, 11, None, kind="duplicates"), True),
    ],
)
def test_recovery_alone_is_told_apart(other: Met, lone: bool) -> None:
    """A fault that lies in another's recovery makes both of them mixed."""
    mine = met("payment", 10, 10.5, 12.5)
    assert alone(mine, [mine, other]) is lone
    assert recoveries([mine, other], lone)["payment"] == [2.0]


def test_lost_slot_is_its_own_part() -> None:
    """It takes another time than a dead Connect."""
    lost = met("connect", 10, 11, 20, kind="slot_dropped")
    assert recoveries([lost], True) == {"slot": [9.0]}
