"""I8 and I9, by the histories: every version once and in order, as it was made, and to nobody else."""

from collections.abc import Iterator, Sequence

from check.case import Breach, Case
from check.facts import Called, Seen, Watched
from check.history import Shown
from check.rules import MARGIN
from check.world import World

ON_THE_WAY = frozenset({"postgres", "connect", "kafka", "notifier", "api", "edge"})
"""Parts, up to the first hyphen of their names, without which nobody is shown what was made."""


def subscribed(case: Case, world: World) -> Iterator[Breach]:
    """I8."""
    for watch in case.watches:
        for sentence in _watched(case, world, watch, case.seen.get((watch.file, watch.n), [])):
            yield Breach("I8", case.id, f"{watch.by} ({watch.role}, {watch.via}, after {watch.after}): {sentence}")
    for sentence in _read(case):
        yield Breach("I8", case.id, sentence)


def _watched(case: Case, world: World, watch: Watched, seen: Sequence[Seen]) -> Iterator[str]:
    cursor = watch.after
    for one in seen:
        version = one.shown.version
        if one.coalesced:
            cursor = max(cursor, version)
            continue
        if version <= cursor and not (watch.listed and version == cursor):
            yield f"version {version} came after version {cursor}"
        elif version > cursor + 1 and not watch.listed and watch.via != "poll":
            yield f"gap: version {version} came after version {cursor}"
        cursor = max(cursor, version)
        if one.at < world.now - MARGIN:
            yield from _as_made(case, one.shown)
            yield from _late(case, world, watch, version, one.at)
    yield from _all_told(case, world, watch, cursor)


def _as_made(case: Case, shown: Shown) -> Iterator[str]:
    made = case.documents.get(shown.version)
    if made is None:
        yield f"aborted read (G1a): version {shown.version} was shown, and is not in the journal"
        return
    reason = made.cancellation.reason if made.cancellation else None
    pairs = (
        ("status", shown.status, made.status),
        ("payment", shown.payment, made.payment.status),
        ("reason", shown.reason, reason),
        ("customer", shown.customer, made.customer_id),
        ("restaurant", shown.restaurant, made.restaurant_id),
        ("courier", shown.courier, made.courier_id),
    )
    for name, said, true in pairs:
        if said is not None and said != true:
            yield f"version {shown.version} was shown with the {name} {said}, the journal has {true}"


def _all_told(case: Case, world: World, watch: Watched, cursor: int) -> Iterator[str]:
    """A stream that completed has told all; one that was open for long has told what was made meanwhile."""
    if case.order is None or watch.listed or watch.ended > world.now - MARGIN:
        return
    if watch.outcome == "complete":
        if cursor != case.order.version or not (case.now and case.now.settled):
            yield f"the stream completed with version {cursor}; the order is at {case.order.version}"
    elif watch.outcome != "refused":
        yield from _late(case, world, watch, cursor + 1, watch.ended)


def _late(case: Case, world: World, watch: Watched, version: int, until: float) -> Iterator[str]:
    """A stream that is open shows what is made, or was made before it, within a while."""
    if watch.listed or not 0 < version <= len(case.journal):
        return
    # A row's time is that of its fact, which may have been parked for long: it was made when it came out.
    made = min((record.at for record in case.pushed if record.version == version), default=case.journal[version - 1].at)
    began = max(made, watch.began)
    late = until - began - _disturbed(world, began, until)
    if late > world.late_seconds:
        yield f"version {version} was not shown for {late:.1f} s, while the stream was open"


def _disturbed(world: World, began: float, ended: float) -> float:
    """Seconds of these in which a part between the log and the stream was disturbed on purpose, once each."""
    mine = (fault for fault in world.histories.faults if fault.part.partition("-")[0] in ON_THE_WAY)
    passed, seconds = began, 0.0
    for since, until in sorted((fault.began, fault.ended(world.histories.last)) for fault in mine):
        seconds += max(0.0, min(until, ended) - max(since, passed))
        passed = max(passed, until)
    return seconds


def _read(case: Case) -> Iterator[str]:
    """Within one process and principal: reads never go back, and are never behind its own acknowledged writes."""
    newest: dict[tuple[int, str], Called] = {}
    for call in sorted((c for c in case.calls if c.outcome == "ok"), key=lambda one: (one.file, one.answered)):
        before = newest.get((call.file, call.by))
        version = call.shown.version if call.shown else 0
        if call.do == "read" and before is not None and before.answered < call.line:
            known = before.shown.version if before.shown else 0
            if version < known and (version or call.role == "customer"):
                what = "non-monotonic read" if before.do == "read" else f"stale read after its own {before.do}"
                yield f"{what}: {call.by} was shown version {version or 'none'}, having seen {known}"
        if before is None or version > (before.shown.version if before.shown else 0):
            newest[call.file, call.by] = call


def owned(case: Case, _world: World) -> Iterator[Breach]:
    """I9: whoever was shown an order takes part in it."""
    watches = {(watch.file, watch.n): watch for watch in case.watches}
    told: set[tuple[str, str]] = set()
    shown = [(watches[key].by, watches[key].role, one) for key, all_ in case.seen.items() for one in all_]
    pairs = [(by, role, one.shown) for by, role, one in shown if not one.coalesced]
    pairs += [(call.by, call.role, call.shown) for call in case.calls if call.shown is not None]
    for by, role, what in pairs:
        if (by, role) not in told and not _takes_part(case, by, role, what):
            told.add((by, role))
            yield Breach("I9", case.id, f"{by} ({role}) was shown version {what.version} of somebody else's order")


def strangers(case: Case) -> int:
    """How often somebody asked for the order who takes no part in it."""
    asked = [(watch.by, watch.role) for watch in case.watches] + [(call.by, call.role) for call in case.calls]
    return sum(not _takes_part(case, by, role, Shown(case.id, 1)) for by, role in asked)


def _takes_part(case: Case, by: str, role: str, shown: Shown) -> bool:
    """Who may see the newest version sees the order's history: a courier, what was made before its own assignment."""
    if role == "support":
        return True
    if role == "courier":
        later = [one.courier_id for version, one in case.documents.items() if version >= shown.version]
        return by in (later or [shown.courier or by])
    made = case.documents.get(shown.version) or case.now
    if made is None:  # nobody knows this order: then by what the client itself was told
        owner = shown.customer if role == "customer" else shown.restaurant
        return owner in (by, None)
    return by == (made.customer_id if role == "customer" else made.restaurant_id)
