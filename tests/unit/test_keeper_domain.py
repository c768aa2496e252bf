"""The keeper's two decisions: which tick is due, and which repair."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keeper.domain import (
    LOOK_AGAIN,
    PERIOD,
    REPEAT_AFTER,
    Clock,
    Connector,
    Repair,
    Slot,
    due,
    heard,
    pause,
    repair,
    wrote,
)

HEALTHY = Slot("reserved", active=True, bytes_behind=0)
LOST = Slot("lost", active=False, bytes_behind=10**9)
RUNNING = Connector("RUNNING", ["RUNNING"])
FAILED = Connector("RUNNING", ["FAILED"])

Due = Callable[[Clock, float, bool], int | None]
# How long each step lasts, and whether what is in the log comes out at its end, is lost, or stays on its way.
STEPS = st.lists(st.tuples(st.floats(0.01, 20), st.sampled_from(["out", "lost", "stays"]), st.booleans()), max_size=60)


def test_next_tick_waits_a_second() -> None:
    """A tick that came back is followed by the next one a second later."""
    came_back = heard(Clock(written=7, seen=6, since=0.0), 7, now=100.0)
    assert due(came_back, 100.0 + PERIOD - 0.01, True) is None
    assert due(came_back, 100.0 + PERIOD, True) == 8


def test_first_tick_is_one() -> None:
    """A new system's clock begins at 1."""
    assert due(Clock(written=0, seen=0, since=0.0), PERIOD, False) == 1


def test_missing_tick_is_repeated() -> None:
    """A tick lost with a slot is written again under its own number, not skipped."""
    waiting = wrote(Clock(written=6, seen=6, since=0.0), 7, now=10.0)
    assert due(waiting, 10.0 + REPEAT_AFTER, True) == 7


def test_late_tick_is_not_lost() -> None:
    """While nobody reads the slot, the tick on its way is still in it."""
    waiting = wrote(Clock(written=6, seen=6, since=0.0), 7, now=10.0)
    assert due(waiting, 10_000.0, False) is None


def test_old_tick_changes_nothing() -> None:
    """Repeats by change data capture do not move the clock."""
    clock = Clock(written=7, seen=7, since=5.0)
    assert heard(clock, 7, 6.0) is clock
    assert heard(clock, 3, 6.0) is clock


def test_younger_topic_wins() -> None:
    """A database restored from a backup does not turn the clock back."""
    assert due(heard(Clock(written=2, seen=0, since=0.0), 500, 0.0), PERIOD, True) == 501


@given(clock=st.builds(Clock, st.integers(0, 9), st.integers(0, 9), st.floats(0, 100)), waited=st.floats(0, 30))
def test_pause_never_oversleeps(clock: Clock, waited: float) -> None:
    """Whoever waits for `pause` misses no tick by more than a second, and does not spin while nobody reads the slot."""
    now = clock.since + waited
    wait = pause(clock, now)
    assert 0 < wait <= PERIOD
    if due(clock, now, True) is not None:
        assert wait == LOOK_AGAIN


@given(STEPS)
def test_clock_never_outruns_the_log(steps: list[tuple[float, str, bool]]) -> None:
    """However the log stops, loses and resumes: at most one tick is ahead of what came out of it."""
    assert_closed_loop(steps, due)


def test_open_loop_is_caught() -> None:
    """Control: a clock that counts seconds by itself runs on while the log stands."""

    def open_loop(clock: Clock, now: float, flowing: bool) -> int | None:
        return clock.written + 1 if now - clock.since >= PERIOD else None

    with pytest.raises(AssertionError, match="outran"):
        assert_closed_loop([(2.0, "stays", False)] * 3, open_loop)


def assert_closed_loop(steps: list[tuple[float, str, bool]], decide: Due) -> None:
    """Run the clock against a log that behaves as `steps` say."""
    clock, now, on_its_way = Clock(written=0, seen=0, since=0.0), 0.0, list[int]()
    out = 0
    for seconds, fate, flowing in steps:
        now += seconds
        if (k := decide(clock, now, flowing)) is not None:
            clock = wrote(clock, k, now)
            on_its_way.append(k)
        assert clock.written <= out + 1, "the clock outran the log"
        for k in on_its_way if fate == "out" else []:
            clock, out = heard(clock, k, now), max(out, k)
        on_its_way = on_its_way if fate == "stays" else []


@pytest.mark.parametrize(
    ("slot", "connector", "wanted"),
    [
        (None, None, Repair.REGISTER),
        (LOST, None, Repair.REGISTER),
        (HEALTHY, RUNNING, None),
        (None, RUNNING, None),
        (LOST, RUNNING, Repair.DROP_SLOT),
        (LOST, FAILED, Repair.DROP_SLOT),
        (HEALTHY, FAILED, Repair.RESTART),
        (None, FAILED, Repair.RESTART),
        (HEALTHY, Connector("FAILED", []), Repair.RESTART),
        (HEALTHY, Connector("PAUSED", ["PAUSED"]), None),
        (HEALTHY, Connector("RUNNING", []), None),
    ],
)
def test_one_repair_for_each_fault(slot: Slot | None, connector: Connector | None, wanted: Repair | None) -> None:
    """What a person paused stays paused; what FAILED is restarted; a lost slot goes first."""
    assert repair(slot, connector, published=True) == wanted


def test_slot_without_a_publication_is_dropped() -> None:
    """Nothing that is written meanwhile would come out of it; without a slot there is nothing to do yet."""
    connector = Connector("RUNNING", ["RUNNING"])
    assert repair(Slot("reserved", True, 0), connector, published=False) is Repair.DROP_SLOT
    assert repair(None, None, published=False) is None
