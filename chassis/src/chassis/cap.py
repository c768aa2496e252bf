"""The cap on events set aside: when the fault is plainly not the data, a consumer stands still instead of parking all.

It stays in its group, polls, and handles nothing new; what was parked before is drained as ever. It goes on in a new
process, repaired perhaps, or when a person who has looked says that it is the data. What counts is rows of `parked`: a
process that is started anew, or takes over from one that stands still, goes on with their count.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from chassis.database import Transaction


@dataclass(frozen=True, slots=True)
class Cap:
    """More than `heads` new heads within `seconds`, of all processes of a consumer, stop the one that parks more."""

    heads: int = 100
    seconds: float = 60.0


class TooMany(Exception):
    """The batch would park more than the cap allows: it is rolled back, and none of it is skipped."""


# A released event that failed again is none that is new: it has more attempts. A person's word to go on is good for one
# window without a cap; what was parked until its end never counts.
RECENT = """
SELECT count(*) FROM parked
WHERE consumer = %(consumer)s AND state = 'head' AND attempts = 1 AND at > greatest(
  now() - make_interval(secs => %(seconds)s),
  (SELECT resumed + make_interval(secs => %(seconds)s) FROM stopped WHERE consumer = %(consumer)s))
"""


def check(tx: Transaction, consumer: str, cap: Cap) -> None:
    """After heads were parked in this transaction: raises TooMany when they are more than the cap allows."""
    row = tx.execute(RECENT, {"consumer": consumer, "seconds": cap.seconds}).fetchone()
    if row is not None and row[0] > cap.heads:
        raise TooMany(
            f"more than {cap.heads} events in {cap.seconds:.0f} s could not be handled: it looks like a fault of this"
            " program, not of the data"
        )


# Who has told before and is let go on leaves no newer trace: whoever looks then is told that nobody stands.
TELL = """
INSERT INTO stopped AS s (consumer, reason) VALUES (%(consumer)s, %(reason)s)
ON CONFLICT (consumer) DO UPDATE SET reason = excluded.reason,
  seen = CASE WHEN %(again)s AND s.resumed > s.seen THEN s.seen ELSE now() END,
  since = CASE WHEN s.seen < now() - interval '10 seconds' OR s.resumed > s.seen THEN now() ELSE s.since END
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
        said = {"consumer": self._consumer, "reason": self.reason, "again": self._since is not None}
        row = tx.execute(TELL, said).fetchone()
        now, resumed = row if row is not None else (None, None)
        self._since = self._since or now
        if resumed is None or self._since is None or resumed <= self._since:
            return False
        self.reason = None
        return True
