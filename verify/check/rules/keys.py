"""I2 and I3: what was acknowledged is there and comes to an end, and one key stands for one order."""

from collections.abc import Iterator, Sequence

from check import contract
from check.case import Breach, Case
from check.documents import Document
from check.facts import Called
from check.rules import MARGIN
from check.world import World

REUSED = "IDEMPOTENCY_KEY_REUSED"
# A deadline is asked for again every 60 ticks: a wait so far beyond its time has been asked about twice, in vain.
OVERDUE_TICKS = 150


def acknowledged(case: Case, world: World) -> Iterator[Breach]:
    """I2, its first half, by the histories: nothing acknowledged is lost."""
    for call in case.calls:
        made = contract.MADE_BY.get(call.do)
        if made is None or call.outcome != "ok" or call.shown is None or call.answered_at > world.now - MARGIN:
            continue
        if case.order is None:
            yield Breach("I2", case.id, f"{call.do} was acknowledged to {call.by}, and there is no such order")
            return
        rows = [row.version for row in case.journal if row.type == made and row.version <= call.shown.version]
        if not _made(call, call.shown.version, rows):
            said = f"{call.do} was acknowledged at version {call.shown.version}, the journal has no {made}"
            yield Breach("I2", case.id, f"lost update: {said}")


def _made(call: Called, shown: int, rows: Sequence[int]) -> bool:
    """By these versions. Another card is the one thing that can be asked for more than once."""
    if call.do != "retryPayment":
        return bool(rows)
    return shown in rows if call.attempt is None else len(rows) >= call.attempt - 1


def ended(case: Case, world: World) -> Iterator[Breach]:
    """I2, its second half: no order hangs. Also I3 by the tables: one key stands for each order."""
    now = case.now
    if case.order is None or now is None:
        return
    if len(case.placements) != 1:
        yield Breach("I3", case.id, f"{len(case.placements) or 'no'} idempotency keys stand for the order")
    if not now.settled and case.untouched:
        why = _unsettled(case, now, world) if now.ended else _open(case, world)
        if why is None and world.all_settled:
            why = f"it is still {now.status}, its payment {now.payment.status}"
        if why is not None:
            yield Breach("I2", case.id, why)


def _open(case: Case, world: World) -> str | None:
    assert case.order is not None
    if case.order.due_tick is None:
        return "it has not ended, and nothing is waited for: it hangs"
    over = world.clock - case.order.due_tick
    return f"its wait is {over} ticks over, and nothing ends it" if over > OVERDUE_TICKS else None


def _unsettled(case: Case, now: Document, world: World) -> str | None:
    """Payment has read the end, and neither told what became of the money nor is about to."""
    close, row = case.close, case.payment
    told = {written.type for written in case.outbox} | {event.type for event in case.events}
    if close is None or not world.has_read("payment", close) or told & contract.SETTLING or (row and row.due):
        return None
    if row and row.settled:
        return f"it is cancelled, payment has {row.settled} it, and told nobody"
    return f"it is cancelled, its payment {now.payment.status}, and nobody is about to settle it"


def one_order(case: Case, _world: World) -> Iterator[Breach]:
    """I3 by the histories; the case is a customer's key."""
    placed = [call for call in case.calls if call.outcome == "ok" and call.shown is not None]
    orders = sorted({call.shown.order for call in placed if call.shown})
    if len(orders) > 1:
        yield Breach("I3", case.id, f"one key was answered with {len(orders)} orders: {', '.join(orders)}")
    if len({call.input for call in placed}) > 1:
        yield Breach("I3", case.id, "the same key was taken for two different wishes")
    if len({call.input for call in case.calls}) == 1 and (call := _refused(case)):
        yield Breach("I3", case.id, f"{call.by} asked again for the same, and was told {REUSED}")


def _refused(case: Case) -> Called | None:
    return next((call for call in case.calls if call.code == REUSED), None)
