"""The faults in force now, and what they have done since they were set."""

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec

from provider import faults
from provider.faults import Fate, Fault, Faults

NONE = Faults()


class Trouble:
    """One thread. The counts stay when the faults have healed, until others are set."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._ends = 0.0
        self.set(NONE)

    @property
    def now(self) -> Faults:
        """What is to go wrong at this moment."""
        return self._faults if self._clock() < self._ends else NONE

    def set(self, wanted: Faults) -> None:
        """In place of what was, from now on; counted anew."""
        self._faults = wanted
        self._ends = self._clock() + (wanted.seconds or float("inf"))
        self._calls = 0
        self._seen: Counter[str] = Counter()
        self._done: Counter[Fault] = Counter()
        self._hit: set[str] = set()

    def heal(self) -> None:
        """All is well from now on."""
        self._ends = 0.0

    def fate(self, name: str, order: str | None) -> Fate:
        """What becomes of a call that has just arrived; `order` is the one that it is about, where that is known."""
        self._calls += 1
        if (wanted := self.now) == NONE:
            return Fate()
        self._seen[name] += 1
        fate = faults.fate(wanted, name, self._seen[name])
        self._count(
            [Fault.HANG if fate.hangs else None, fate.before, fate.after if fate.before is None else None], order
        )
        return fate

    def refuses(self, intent: str, order: str | None) -> bool:
        """Whether this intent's refund is to be refused."""
        refused = faults.disputed(self.now, intent)
        self._count([Fault.REFUSE_REFUNDS if refused else None], order)
        return refused

    def report(self) -> dict[str, Any]:
        """The faults in force, and since they were set: calls, what was done to how many, the orders that were hit."""
        return {
            "faults": msgspec.to_builtins(self.now),
            "calls": self._calls,
            "done": dict(sorted(self._done.items())),
            "orders": sorted(self._hit),
        }

    def _count(self, done: list[Fault | None], order: str | None) -> None:
        really = [fault for fault in done if fault is not None]
        self._done.update(really)
        if really and order is not None:
            self._hit.add(order)
