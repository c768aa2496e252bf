"""Waiting for a condition with a deadline, never for a time."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(condition: Callable[[], T], seconds: float = 10.0, what: str = "the condition") -> T:
    """Poll until the condition is true, and return what it was then; fails with what it last was."""
    end = time.monotonic() + seconds
    while not (last := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not come true within {seconds} s; last: {last!r}")
        time.sleep(0.01)
    return last
