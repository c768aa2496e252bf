"""I15: a deadline fires by an event, and only when its allowance of ticks came out of the log."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import pairwise

from check import contract
from check.case import Breach, Case
from check.documents import Document, object_of
from check.facts import Event, JournalRow
from check.topics import Tick
from check.world import STANDSTILL_SECONDS, World

CLOCKS_SECONDS = 0.25  # that Postgres's and Connect's clocks may differ
SLACK = 2  # ticks on their way while a version was committed
# Ticks that api had still to read when the wait began count for the wait, but came out before it: of a projector that
# was behind. No longer wait may be short by more than these; a shorter one, by a quarter.
BEHIND = 30


def deadline(case: Case, world: World) -> Iterator[Breach]:
    """I15, by order."""
    ends = [row for row in case.journal if row.type == "order_cancelled" and row.version - 1 in case.documents]
    for row in ends:
        reason = str(object_of(row.data).get("reason"))
        if reason in contract.DEADLINES:
            yield from (Breach("I15", case.id, f"{reason}: {said}") for said in _fired(case, world, row, reason))


def _fired(case: Case, world: World, row: JournalRow, reason: str) -> Iterator[str]:
    before = case.documents[row.version - 1]
    awaited = contract.wait(before.status, before.payment.status, before.payment.attempt)
    if awaited != reason:
        yield f"the order was waiting for {awaited or 'nothing'}"
    asked = _asked(case, row, before)
    if asked is None:
        if row.id in case.written:
            yield f"no deadline_passed of version {before.since} stands before it in the log: fired directly"
        return
    began = _began(case, before.since)
    if began is not None and world.ticks and began >= world.ticks[0].at:
        yield from _too_early(world, reason, began, asked.at)


def _asked(case: Case, row: JournalRow, before: Document) -> Event | None:
    """The event that asked, read before the order was cancelled."""
    for event in case.events:
        if event.id == row.id:
            return None
        if event.type == "deadline_passed" and case.data(event.id).get("since") == before.since:
            return event
    return None


def _began(case: Case, since: int) -> float | None:
    """When the version with which the wait began came out of the log."""
    return min((record.at for record in case.pushed if record.version == since), default=None)


def _too_early(world: World, reason: str, began: float, asked: float) -> Iterator[str]:
    said = _allowance(world, reason, asked)
    stood = standstill(world.ticks, began, asked)
    if said is None and not stood:
        return  # what was set then is not known, and nothing stood that could have done harm
    allowed = said if said is not None else (world.allowances or contract.ALLOWANCES)[reason]
    counted = bisect_right(world.ticks, asked, key=_at) - bisect_right(world.ticks, began, key=_at)
    if counted < allowed - max(SLACK, min(allowed // 4, BEHIND)):
        why = f", while the log stood still for {stood:.0f} s" if stood else ""
        yield f"after {counted} ticks of {allowed}{why}"


def _at(tick: Tick) -> float:
    return tick.at


def _allowance(world: World, reason: str, at: float) -> int | None:
    """What a history says was set at that time."""
    told = [ticks[reason] for since, ticks in world.histories.allowances if since <= at and reason in ticks]
    return told[-1] if told else None


def standstill(ticks: Sequence[Tick], began: float, ended: float) -> float:
    """Seconds of the longest standstill of the log in this time."""
    first = max(bisect_right(ticks, began, key=_at) - 1, 0)
    last = bisect_right(ticks, ended, key=_at)
    times = [tick.at for tick in ticks[first:last]]
    longest = max((later - sooner for sooner, later in pairwise(times)), default=0.0)
    return longest if longest > STANDSTILL_SECONDS else 0.0


def closed_loop(world: World) -> Iterator[Breach]:
    """I15, the clock: tick k+1 is written only after tick k came out of the log."""
    for sooner, later in pairwise(world.ticks):
        if later.written < sooner.at - CLOCKS_SECONDS:
            ahead = sooner.at - later.written
            yield Breach("I15", f"tick {later.k}", f"it was written {ahead:.1f} s before tick {sooner.k} came out")
        if later.k > sooner.k + 1:
            yield Breach("I15", f"tick {later.k}", f"it came after tick {sooner.k}: those between never came out")
