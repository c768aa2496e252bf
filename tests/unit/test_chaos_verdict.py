"""What chaos itself judges: endings, and parts that came back."""

import pytest

from chaos.journeys import Wish
from chaos.probe import SIGNS
from chaos.stories import Story
from chaos.verdict import LIMITS, NEEDS, Met, alone, late, of_story, recoveries, violations
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
        (met("orders.events", 11, 11, None, kind="duplicates"), False),
        (met("payment", 11, 11, 11.5, kind="offsets_rewound"), False),
        (met("delivery", 11, 11, 12), True),
        (met("couriers", 5, 65, None, kind="strike"), True),
    ],
)
def test_recovery_alone_is_told_apart(other: Met, lone: bool) -> None:
    """A fault in another's recovery is an excuse if the sign depends on its part: payment's does not on delivery."""
    mine = met("payment", 10, 10.5, 12.5)
    assert alone(mine, [mine, other]) is lone
    assert (mine in recoveries([mine, other], lone)["service"]) and mine.seconds == 2.0


@pytest.mark.parametrize(("began", "lone"), [(15.4, False), (15.6, True)])
def test_slow_part_is_not_excused_by_what_follows(began: float, lone: bool) -> None:
    """The next fault comes long after it should have worked again."""
    mine = met("payment", 10, 10.5, 30.5)
    assert alone(mine, [mine, met("kafka", began, began + 1, 40)]) is lone


def test_every_sign_depends_on_known_parts() -> None:
    """Each part that can recover says what else its sign needs; who waits for orders waits for couriers."""
    assert set(NEEDS) == set(SIGNS)
    assert {part for part, needs in NEEDS.items() if "couriers" in needs} == {
        "delivery", "restaurant", "postgres", "kafka", "connect",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "part"),
    [("slot_dropped", "slot"), ("connect_offsets_deleted", "slot"), ("slot_invalidated", "slot_invalidated")],
)
def test_lost_slot_is_its_own_part(kind: str, part: str) -> None:
    """It takes another time than a dead Connect, and an invalidated one another than that."""
    lost = met("connect", 10, 11, 20, kind=kind)
    assert recoveries([lost], True) == {part: [lost]}


@pytest.mark.parametrize("part", ["payment", "edge", "connect", "postgres", "kafka"])
def test_slow_recovery_is_late(part: str) -> None:
    """Behind the group's limit, and told with the fault; in its limit it is silent."""
    group = met(part, 10, 11, 12).group
    quick, slow = (met(part, 10, 11, 11 + LIMITS[group] + more) for more in (0.0, 1.0))
    assert late([quick]) == []
    seconds = f"{LIMITS[group] + 1:.1f} s"
    assert late([slow, met("provider", 200, 201, 300)]) == [
        f"{group}: works again after {seconds} (p99 of 1), not within {LIMITS[group]:.0f} s: kill {part} {seconds}"
    ]


def test_overlapping_recovery_is_not_late() -> None:
    """Nobody knows whose time it was."""
    assert late([met("payment", 10, 11, 30), met("kafka", 12, 13, 20)]) == []
