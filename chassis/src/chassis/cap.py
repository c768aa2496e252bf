"""The cap on events set aside: when the fault is plainly not the data, a consumer stands still instead of parking all.

It stays in its group, polls, and handles nothing new; what was parked before is drained as ever. It goes on in a new
process, repaired perhaps, or when a person who has looked says that it is the data.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from chassis.database import Transaction


@dataclass(frozen=True, slots=True)
class Cap:
    """More than `heads` new heads within `seconds`, counted in one process, stop its consumer."""

    heads: int = 100
    seconds: float = 60.0


class TooMany(Exception):
    """The batch would park more than the cap allows: it is rolled back, and none of it is skipped."""


class Window:
    """The new heads of one process that still count. Used by the consumer's thread only."""

    def __init__(self, cap: Cap, now: Callable[[], float] = time.monotonic) -> None:
        self.cap = cap
        self._now = now
        self._parked: deque[tuple[float, int]] = deque()
        self._lifted = -float("inf")

    def check(self, new: int) -> None:
        """Raises TooMany when so many more would be over the cap; none more never are."""
        if new and self._now() >= self._lifted and self._counting() + new > self.cap.heads:
            raise TooMany(
                f"more than {self.cap.heads} events in {self.cap.seconds:.0f} s could not be handled: it looks like a"
                " fault of this program, not of the data"
            )

    def add(self, new: int) -> None:
        """So many were parked."""
        if new and self._now() >= self._lifted:
            self._parked.append((self._now(), new))

    def lift(self) -> None:
        """No cap for as long as one counts, then anew: the batch that was too much must be able to pass."""
        self._parked.clear()
        self._lifted = self._now() + self.cap.seconds

    def _counting(self) -> int:
        while self._parked and self._parked[0][0] <= self._now() - self.cap.seconds:
            self._parked.popleft()
        return sum(count for _, count in self._parked)


TELL = """
INSERT INTO stopped AS s (consumer, reason) VALUES (%s, %s)
ON CONFLICT (consumer) DO UPDATE SET reason = excluded.reason, seen = now(),
  since = CASE WHEN s.seen < now() - interval '10 seconds' THEN now() ELSE s.since END
RETURNING now(), resumed
"""


class Standstill:
    """Whether this process stands still, and why. `begin` and `told` by the consumer's thread, `reason` by any."""

    def __init__(self, consumer: str) -> None:
        self._consumer = consumer
        self._since: datetime | None = None  # on the database's clock, from the first time it is told
        self.reason: str | None = None

    def begin(self, reason: str) -> None:
        """Stand still from now on."""
        self.reason, self._since = reason, None

    def resumed(self, tx: Transaction) -> bool:
        """Tell the database, for people who look; -> whether one of them let it go on. Then it stands no more."""
        row = tx.execute(TELL, [self._consumer, self.reason]).fetchone()
        now, resumed = row if row is not None else (None, None)
        self._since = self._since or now
        if resumed is None or self._since is None or resumed <= self._since:
            return False
        self.reason = None
        return True
