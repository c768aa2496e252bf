"""The cap on new heads, on a clock of the test's own."""

import pytest

from chassis.cap import Cap, TooMany, Window


class Clock:
    """Seconds, moved by the test."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def window(clock: Clock) -> Window:
    """Three in ten seconds."""
    return Window(Cap(3, 10), clock)


def refuses(window: Window, new: int) -> bool:
    """Whether so many more are too many."""
    try:
        window.check(new)
    except TooMany:
        return True
    return False


def test_as_many_as_the_cap_pass(window: Window) -> None:
    """The cap itself is allowed, in one batch or in several; one more is not."""
    assert [refuses(window, new) for new in (3, 4)] == [False, True]
    window.add(2)
    assert [refuses(window, new) for new in (1, 2)] == [False, True]


def test_batches_without_heads_always_pass(window: Window) -> None:
    """Whatever was parked before: good events are handled."""
    window.add(3)
    assert not refuses(window, 0)


def test_old_heads_are_forgotten(window: Window, clock: Clock) -> None:
    """Each counts for its own ten seconds."""
    window.add(2)
    clock.now += 6
    window.add(1)
    assert refuses(window, 1)
    clock.now += 5
    assert [refuses(window, new) for new in (2, 3)] == [False, True]


def test_lifted_cap_comes_back(window: Window, clock: Clock) -> None:
    """For one window everything passes and nothing counts; then it is as at the start."""
    window.add(3)
    window.lift()
    assert not refuses(window, 1000)
    window.add(1000)
    clock.now += 10
    assert [refuses(window, new) for new in (3, 4)] == [False, True]


def test_reason_says_what_it_looks_like(window: Window) -> None:
    """A person reads it in /ready."""
    with pytest.raises(TooMany, match=r"more than 3 events in 10 s .* a fault of this program, not of the data"):
        window.check(4)
