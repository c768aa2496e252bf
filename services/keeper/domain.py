"""The two decisions of the keeper, without IO: when to write which tick, and what to do for the connector.

`now` is any clock that never goes back, in seconds.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

PERIOD = 1.0  # between a tick's return and the next one
# A tick that does not come back although the slot is being read was lost with a slot (a repair leaves ticks out).
REPEAT_AFTER = 5.0
LOOK_AGAIN = 0.5  # whether somebody reads the slot by now, or the topic


@dataclass(frozen=True)
class Clock:
    """`written`: the youngest tick in the outbox; `seen`: the youngest that came back; `since`: when either changed."""

    written: int
    seen: int
    since: float


def heard(clock: Clock, k: int, now: float) -> Clock:
    """Tick `k` came back out of the log. Repeats and old ones change nothing."""
    if k <= clock.seen:
        return clock
    return Clock(written=max(clock.written, k), seen=k, since=now)


def wrote(clock: Clock, k: int, now: float) -> Clock:
    """Tick `k` was committed to the outbox."""
    return replace(clock, written=max(clock.written, k), since=now)


def due(clock: Clock, now: float, flowing: bool) -> int | None:
    """The tick to write now, if any: the next one only when the last came back, else the same one again.

    This makes the loop a closed one: while nothing comes out of the log, the clock cannot advance. `flowing`: somebody
    reads the slot; while nobody does, a missing tick is late, not lost.
    """
    waited = now - clock.since
    if clock.seen >= clock.written:
        return clock.written + 1 if waited >= PERIOD else None
    return clock.written if flowing and waited >= REPEAT_AFTER else None


def pause(clock: Clock, now: float) -> float:
    """Seconds until `due` may have another answer; never none: what is due already waits for others to be there."""
    left = clock.since + (PERIOD if clock.seen >= clock.written else REPEAT_AFTER) - now
    return min(left, PERIOD) if left > 0 else LOOK_AGAIN


@dataclass(frozen=True)
class Slot:
    """The replication slot, as Postgres tells it. `wal_status`: reserved, extended, unreserved or lost."""

    wal_status: str
    active: bool
    bytes_behind: int


@dataclass(frozen=True)
class Connector:
    """The connector, as Kafka Connect tells it. States: UNASSIGNED, RUNNING, PAUSED, STOPPED, FAILED, RESTARTING."""

    state: str
    tasks: Sequence[str]

    @property
    def failed(self) -> bool:
        return "FAILED" in (self.state, *self.tasks)


class Repair(Enum):
    """What the keeper does to change data capture; the value is the metric's label."""

    REGISTER = "register"
    DROP_SLOT = "drop_slot"
    RESTART = "restart"


def repair(slot: Slot | None, connector: Connector | None, *, published: bool) -> Repair | None:
    """The one thing to do now. `published`: there is a publication, with tables in it.

    A lost slot is dropped, and no more: the connector then makes a new one and reads the retained rows again by itself
    (restarting it as well reads them twice). So is one whose publication is gone: what was written since would never
    come out of it. A missing slot alone needs nothing: it is not made yet, or the task fails for want of it and is
    restarted for that. Before the migrations have run there is nothing to do.
    """
    if not published:
        return Repair.DROP_SLOT if slot is not None else None
    if connector is None:
        return Repair.REGISTER
    if slot is not None and slot.wal_status == "lost":
        return Repair.DROP_SLOT
    if connector.failed:
        return Repair.RESTART
    return None
