"""The judge sees what it must see, and nothing else: sound evidence is broken in one way, one invariant turns red."""

from collections.abc import Callable, Sequence

import msgspec
import pytest

from api.events import DeadlinePassed, DeliveryAssigned, OrderCancelled, PaymentCompleted, PaymentRefunded, Reason
from chassis.kafka import Place
from check import facts as f
from check.history import Shown
from check.judge import of_case
from check.topics import digest
from tests.support.forgery import (
    BEGAN,
    CANCELLED,
    DELIVERED,
    NOT_REFUNDED,
    NOW,
    ORDER,
    PARTITION,
    RETRIED,
    TOTAL,
    UNPAID,
    Break,
    Forgery,
    Step,
    broken,
    called,
    case,
    sound,
    world,
)

CAPTURED = f.Charge(BEGAN + 1.6, "payment_intent.succeeded", "pi_1", TOTAL, "/confirm", 200)
REFUNDED = f.Charge(BEGAN + 6.0, "refund.created", "pi_1", TOTAL, "/refunds", 200)


@pytest.mark.parametrize(
    "steps",
    [DELIVERED, CANCELLED, NOT_REFUNDED, UNPAID],
    ids=["delivered", "cancelled", "not refunded", "unpaid"],
)
def test_sound_evidence_is_green(steps: Sequence[Step]) -> None:
    """Nothing is broken about an order that went as it should."""
    assert broken(sound(steps)) == {}


def replaced(kind: type[f.Fact], **members: object) -> Break:
    """The first fact of this kind is another."""
    return lambda forged: forged.change(forged.of(kind)[0], **members)


def added(*more: f.Fact) -> Break:
    """There is more."""
    return lambda forged: forged.add(*more)


def dropped(pick: Callable[[Forgery], f.Fact]) -> Break:
    """There is less."""
    return lambda forged: forged.drop(pick(forged))


def told(source: str, fact: object, place: float, name: str = "new") -> Break:
    """One event more was written and came out, there."""
    return lambda forged: forged.tell(source, fact, place, name)  # type: ignore[arg-type]


def repeated(**members: object) -> Break:
    """An event came again, and otherwise."""

    def again(forged: Forgery) -> None:
        forged.add(msgspec.structs.replace(forged.event("order_accepted"), offset=900, **members))

    return again


def retried(attempt: int, version: int) -> f.Called:
    """Another card, by its number."""
    return msgspec.structs.replace(called("retryPayment", 3, 4, version=version), attempt=attempt)


def swap_records(forged: Forgery) -> None:
    """Two events of one source came out in the wrong order."""
    one, other = forged.event("order_accepted"), forged.event("order_ready")
    forged.change(one, offset=other.offset)
    forged.change(forged.event("order_ready"), offset=one.offset)


def swap_versions(forged: Forgery) -> None:
    """Two documents came out in the wrong order."""
    one, other = forged.of(f.Pushed)[1:3]
    forged.change(one, offset=other.offset)
    forged.change(other, offset=one.offset)


def forget_order(forged: Forgery) -> None:
    """All that is left is what the client was told."""
    forged.facts = [*forged.of(f.Called)]


def charge_nobody(forged: Forgery) -> None:
    """The provider knows an order that nobody else knows."""
    forged.facts = [CAPTURED]


def hang(forged: Forgery) -> None:
    """The order stands where it was, its wait long over."""
    leave_open(forged, due_tick=100)


def leave_open(forged: Forgery, due_tick: int | None) -> None:
    """Only the first version was ever made."""
    first = forged.of(f.JournalRow)[0]
    forged.facts = [
        *forged.of(f.JournalRow)[:1],
        *forged.of(f.Pushed)[:1],
        *forged.of(f.Placement),
        *(one for one in forged.of(f.OutboxRow) if one.id == first.id),
        *(one for one in forged.of(f.Event) if one.id == first.id),
        f.OrderRow(1, 1, True, "ada", "sobaya", None, due_tick, first.payload),
    ]


def without_settlement(forged: Forgery) -> None:
    """The money's fate was never told."""
    last = forged.of(f.JournalRow)[-1]
    before = forged.of(f.JournalRow)[-2]
    forged.drop(*(one for one in forged.facts if getattr(one, "id", "") == last.id), forged.of(f.Seen)[-1])
    forged.drop(*forged.of(f.Watched), *forged.of(f.Seen))
    forged.change(forged.of(f.OrderRow)[0], document=before.payload, version=before.version)


def never_settled(forged: Forgery) -> None:
    """Payment knows that the order was cancelled, and does nothing about it."""
    without_settlement(forged)
    forged.change(forged.of(f.PaymentRow)[0], settled=None)


def settlement_not_folded(forged: Forgery) -> None:
    """The refund was told, and is in no version."""
    last, before = forged.of(f.JournalRow)[-1], forged.of(f.JournalRow)[-2]
    forged.drop(last, forged.of(f.Pushed)[-1], *forged.of(f.Watched), *forged.of(f.Seen))
    forged.change(forged.of(f.OrderRow)[0], document=before.payload, version=before.version)


def other_bytes(forged: Forgery) -> None:
    """The last document is not what the facts make, everywhere the same."""
    last = forged.of(f.JournalRow)[-1]
    document = last.payload.replace('"Sobaya"', '"Sobaya!"')
    forged.change(forged.of(f.Pushed)[-1], digest=digest(document.encode()))
    forged.change(forged.of(f.OrderRow)[0], document=document)
    forged.change(last, payload=document)


def other_state(forged: Forgery) -> None:
    """The order's row is not the journal's last document."""
    row = forged.of(f.OrderRow)[0]
    forged.change(row, document=row.document.replace('"Sobaya"', '"Sobaya!"'))


def paid_after_the_end(forged: Forgery) -> None:
    """Nothing but the creation came before the end; the rest was work on a closed order."""
    close = forged.event("order_cancelled")
    for place, kind in enumerate(("payment_completed", "delivery_assigned"), 1):
        forged.change(forged.event(kind), offset=close.offset + place)


def assigned_after_the_end(forged: Forgery) -> None:
    """A courier that was on its way when the order ended, and a kitchen that did not know."""
    close = forged.event("order_cancelled")
    for place, kind in enumerate(("delivery_assigned", "order_accepted"), 1):
        forged.change(forged.event(kind), offset=close.offset + place)


def watched(by: str, role: str, **members: object) -> Break:
    """The watch was somebody else's, or another."""
    return lambda forged: forged.change(forged.of(f.Watched)[0], by=by, role=role, **members)


def shown_again(forged: Forgery) -> None:
    seen = forged.of(f.Seen)[2]
    forged.add(msgspec.structs.replace(seen, line=99))


def shown_wrong(forged: Forgery) -> None:
    seen = forged.of(f.Seen)[2]
    forged.change(seen, shown=msgspec.structs.replace(seen.shown, status="READY"))


def shown_what_never_was(forged: Forgery) -> None:
    forged.change(forged.of(f.Watched)[0], outcome="left")
    forged.add(f.Seen(0, 7, 90, BEGAN + 20, coalesced=False, shown=Shown(ORDER, 8, "DELIVERED")))


def shown_late(forged: Forgery) -> None:
    """The last version took two minutes to the stream."""
    forged.change(forged.of(f.Seen)[-1], at=BEGAN + 130)
    forged.change(forged.of(f.Watched)[0], ended=BEGAN + 131)


def made_twice(forged: Forgery) -> None:
    """One event made two versions."""
    second = forged.of(f.JournalRow)[3]
    first = forged.of(f.JournalRow)[2]
    forged.change(forged.of(f.Pushed)[3], id=first.id)
    forged.change(second, id=first.id)


def silent(forged: Forgery) -> None:
    """The stream was open for ten minutes, and showed nothing but the first version."""
    forged.drop(*forged.of(f.Seen)[1:])
    forged.change(forged.of(f.Watched)[0], outcome="lost", ended=BEGAN + 600)


BREAKS: dict[str, tuple[Sequence[Step], Break, set[str]]] = {
    # I1: the provider's log
    "charged twice": (DELIVERED, added(CAPTURED), {"I1"}),
    "never charged": (DELIVERED, dropped(lambda made: made.of(f.Charge)[0]), {"I1"}),
    "charged too much": (DELIVERED, replaced(f.Charge, amount=TOTAL + 1), {"I1"}),
    "charged in another currency": (DELIVERED, replaced(f.Charge, currency="jpy"), {"I1"}),
    "refunded though delivered": (DELIVERED, added(REFUNDED), {"I1"}),
    "money kept": (CANCELLED, dropped(lambda made: made.of(f.Charge)[1]), {"I1"}),
    "more went back": (CANCELLED, added(REFUNDED), {"I1"}),
    "captured though released": (UNPAID, added(CAPTURED), {"I1"}),
    "released though captured": (UNPAID, added(CAPTURED, REFUNDED), {"I1"}),
    "refunded though never charged": (CANCELLED, lambda made: made.drop(*made.of(f.Charge)), {"I1"}),
    "refund not refused": (NOT_REFUNDED, dropped(lambda made: made.of(f.Charge)[1]), {"I1"}),
    "refund refused and made": (NOT_REFUNDED, added(REFUNDED), {"I1"}),
    "nobody's order charged": (DELIVERED, charge_nobody, {"I1"}),
    # I2
    "acknowledged and lost": (DELIVERED, forget_order, {"I2"}),
    "cancel acknowledged and lost": (DELIVERED, added(called("cancelOrder", 3, 4, version=7)), {"I2"}),
    "retry acknowledged and lost": (RETRIED, added(called("retryPayment", 3, 4, version=4)), {"I2"}),
    "third card acknowledged and lost": (RETRIED, added(retried(3, version=4)), {"I2"}),
    "hangs": (DELIVERED, hang, {"I2"}),
    "waits for nothing": (DELIVERED, lambda made: leave_open(made, None), {"I2"}),
    "never settled": (CANCELLED, never_settled, {"I2"}),
    "settled, and nobody told": (CANCELLED, without_settlement, {"I2"}),
    # I3
    "no key": (DELIVERED, dropped(lambda made: made.of(f.Placement)[0]), {"I3"}),
    "two keys": (DELIVERED, added(f.Placement("ada", "key-0002", BEGAN)), {"I3"}),
    # I4
    "version lost in the topic": (DELIVERED, dropped(lambda made: made.of(f.Pushed)[3]), {"I4"}),
    "versions swapped": (DELIVERED, swap_versions, {"I4"}),
    "row behind its journal": (DELIVERED, replaced(f.OrderRow, version=6), {"I4", "I8"}),
    # I5
    "event lost": (DELIVERED, dropped(lambda made: made.event("order_accepted")), {"I5"}),
    "events swapped": (DELIVERED, swap_records, {"I5"}),
    "event of nobody": (
        DELIVERED,
        added(f.Event(PARTITION, 500, "ghost", "deadline_passed", "api", 1, digest(b"{}"), NOW - 9, settled=True)),
        {"I5"},
    ),
    "body of a repeat changed": (DELIVERED, repeated(digest="other"), {"I5"}),
    "repeat in another partition": (DELIVERED, repeated(partition=7), {"I5"}),
    "body changed": (DELIVERED, lambda made: made.change(made.event("order_picked_up"), digest="other"), {"I5"}),
    "another source": (DELIVERED, lambda made: made.change(made.event("order_accepted"), source="api"), {"I5"}),
    "document changed": (DELIVERED, lambda made: made.change(made.of(f.Pushed)[3], digest="other"), {"I5"}),
    "two partitions": (DELIVERED, lambda made: made.change(made.event("order_delivered"), partition=7), {"I5"}),
    # I6
    "two ends": (DELIVERED, told("api", OrderCancelled(Reason.CUSTOMER), 9.0), {"I6"}),
    # I7
    "fact under two ids": (DELIVERED, told("payment", PaymentCompleted(1), 2.5), {"I7"}),
    "assigned twice": (DELIVERED, told("delivery", DeliveryAssigned(1, "c-02"), 3.5), {"I7", "I12"}),
    "settled twice": (CANCELLED, told("payment", PaymentRefunded(TOTAL, "EUR"), 9.0), {"I7"}),
    "settled though delivered": (DELIVERED, told("payment", PaymentRefunded(TOTAL, "EUR"), 9.0), {"I7"}),
    "courier not free": (CANCELLED, added(f.CourierRow("c-01")), {"I7"}),
    "job not closed": (CANCELLED, replaced(f.JobRow, state="ASSIGNED", courier="c-01"), {"I7"}),
    "stock kept": (CANCELLED, replaced(f.TicketRow, held=True), {"I7"}),
    "stock given back though eaten": (DELIVERED, replaced(f.TicketRow, held=False), {"I7"}),
    "ticket not closed": (CANCELLED, replaced(f.TicketRow, state="COOKING"), {"I7"}),
    "no closed row": (CANCELLED, dropped(lambda made: made.of(f.TicketRow)[0]), {"I7"}),
    "payment forgot the end": (CANCELLED, replaced(f.PaymentRow, ended=None), {"I7"}),
    # I8
    "version not shown": (DELIVERED, dropped(lambda made: made.of(f.Seen)[3]), {"I8"}),
    "version shown again": (DELIVERED, shown_again, {"I8"}),
    "version shown wrong": (DELIVERED, shown_wrong, {"I8"}),
    "version shown that never was": (DELIVERED, shown_what_never_was, {"I8"}),
    "completed too early": (DELIVERED, dropped(lambda made: made.of(f.Seen)[-1]), {"I8"}),
    "stream silent": (DELIVERED, silent, {"I8"}),
    "shown late": (DELIVERED, shown_late, {"I8"}),
    "stale read": (DELIVERED, added(called("read", 3, 4)), {"I8"}),
    "read went back": (
        DELIVERED,
        added(called("read", 3, 4, version=5), called("read", 5, 6, version=4)),
        {"I8"},
    ),
    # I9
    "stranger watched": (DELIVERED, watched("eve", "customer"), {"I9"}),
    "other restaurant watched": (DELIVERED, watched("trattoria", "restaurant"), {"I9"}),
    "other courier watched": (DELIVERED, watched("c-02", "courier"), {"I9"}),
    "stranger read": (DELIVERED, added(called("read", 3, 4, version=1, by="eve")), {"I9"}),
    # I12
    "document not the fold": (DELIVERED, other_bytes, {"I12"}),
    "state not the journal": (DELIVERED, other_state, {"I12"}),
    "one event, two versions": (DELIVERED, made_twice, {"I12"}),
    "event not folded": (CANCELLED, settlement_not_folded, {"I12"}),
    # I15
    "fired directly": (
        UNPAID,
        lambda made: made.drop(made.event("deadline_passed"), made.written("deadline_passed")),
        {"I15"},
    ),
}


@pytest.mark.parametrize("name", BREAKS)
def test_break_turns_its_invariant_red(name: str) -> None:
    """The invariants that are about what was broken, and no others."""
    steps, break_, wanted = BREAKS[name]
    forged = sound(steps)
    break_(forged)
    assert set(broken(forged)) == wanted


def test_every_invariant_is_broken_alone() -> None:
    """Of those about orders; the others are broken in test_check_world.py."""
    alone = {next(iter(wanted)) for _, _, wanted in BREAKS.values() if len(wanted) == 1}
    assert alone == {"I1", "I2", "I3", "I4", "I5", "I6", "I7", "I8", "I9", "I12", "I15"}


def test_closed_row_is_needed_in_delivery() -> None:
    """A courier for an order that was paid only behind its end is work on a closed order."""
    forged = sound(CANCELLED)
    paid_after_the_end(forged)
    assert any("gave a closed order a courier" in said for said in broken(forged)["I7"])


def test_closed_row_is_needed_in_restaurant() -> None:
    """A dish for an order whose courier came only behind its end is work on a closed order."""
    forged = sound(CANCELLED)
    assigned_after_the_end(forged)
    assert any("restaurant worked on a closed order" in said for said in broken(forged)["I7"])


def test_illegal_step_is_no_fold_either() -> None:
    """A version that its fact cannot make is illegal, and not what the facts make."""
    forged = sound()
    row = forged.of(f.JournalRow)[2]
    document = row.payload.replace('"COURIER_ASSIGNED"', '"READY"')
    forged.change(forged.of(f.Pushed)[2], digest=digest(document.encode()))
    forged.change(row, payload=document)
    assert {"I6", "I12"} <= set(broken(forged))


REPEAT = f.Event(PARTITION, 75, "e4", "order_accepted", "restaurant", 1, digest(b"{}"), BEGAN + 9, settled=True)
LATER = Shown(ORDER, 8, "DELIVERED")


def coalesced(forged: Forgery) -> None:
    """Two versions were left out, and the server said so."""
    forged.drop(*forged.of(f.Seen)[2:4])
    forged.add(f.Seen(0, 7, 12, BEGAN + 2, coalesced=True, shown=Shown(ORDER, 4)))


def reassigned(forged: Forgery) -> None:
    """The order's second courier carries it; the first one is shown what was made before."""
    forged.change(forged.of(f.Watched)[0], by="c-01", role="courier", outcome="lost", ended=BEGAN + 4)
    forged.drop(*forged.of(f.Seen)[3:])


def shown_later(forged: Forgery) -> None:
    """The stream went on when the tables were read."""
    forged.change(forged.of(f.Watched)[0], outcome="left", ended=NOW)
    forged.add(f.Seen(0, 7, 90, NOW, coalesced=False, shown=LATER))


def drained(forged: Forgery) -> None:
    """An event lay parked for an hour: its fact is old, its version was made when it was released."""
    last = forged.of(f.JournalRow)[-1]
    forged.change(last, at=last.at - 3600)
    forged.change(forged.of(f.Watched)[0], began=BEGAN - 3700)


AGAIN: Sequence[Step] = (*DELIVERED[:4], ("delivery", DeliveryAssigned(2, "c-02")), *DELIVERED[4:])
HARMLESS: dict[str, tuple[Sequence[Step], Break]] = {
    "record repeated": (DELIVERED, added(REPEAT)),
    "charged in its currency": (DELIVERED, replaced(f.Charge, currency="eur")),
    "refused": (DELIVERED, added(called("cancelOrder", 3, 4, outcome="refused", code="TOO_LATE"))),
    "of unknown outcome": (DELIVERED, added(called("cancelOrder", 3, 0, outcome="unknown"))),
    "deadline asked in vain": (DELIVERED, told("api", DeadlinePassed(2), 6.5)),
    "courier sees what was before it": (DELIVERED, watched("c-01", "courier")),
    "former courier saw its versions": (AGAIN, reassigned),
    "support watches": (DELIVERED, watched("anna", "support")),
    "coalesced and declared": (DELIVERED, coalesced),
    "drained after an hour": (DELIVERED, drained),
    "shown behind the snapshot": (DELIVERED, shown_later),
    "written behind the snapshot": (
        DELIVERED,
        added(f.Event(PARTITION, 5000, "later", "deadline_passed", "api", 1, "x", NOW, settled=False)),
    ),
    "read after its own write": (DELIVERED, added(called("read", 3, 4, version=7))),
    "another card": (RETRIED, added(called("retryPayment", 3, 4, version=3))),
    "second card again": (RETRIED, added(retried(2, version=3), retried(2, version=4))),
    "repeat as it was": (DELIVERED, repeated()),
}


@pytest.mark.parametrize("name", HARMLESS)
def test_harmless_evidence_stays_green(name: str) -> None:
    """What the promises allow is no breach."""
    steps, change = HARMLESS[name]
    forged = sound(steps)
    change(forged)
    assert broken(forged) == {}


def test_behind_the_position_nothing_is_owed() -> None:
    """A service that has not read the end yet need not have done anything about it."""
    forged = sound(CANCELLED)
    forged.drop(*forged.of(f.TicketRow), *forged.of(f.JobRow))
    forged.change(forged.of(f.PaymentRow)[0], ended=None)
    behind = world(positions={(who, "orders.events", PARTITION): 10 for who in ("payment", "delivery", "restaurant")})
    assert broken(forged, behind) == {}


def test_parked_order_owes_nothing_yet() -> None:
    """While an event of it is parked, an order need neither end nor be undone; what was decided stays judged."""
    forged = sound(CANCELLED)
    forged.drop(*forged.of(f.TicketRow))
    forged.add(f.ParkedRow("restaurant", "orders.events", PARTITION, 50, "e5", "head", "bad", 1, BEGAN))
    assert set(broken(forged)) == {"I11"}
    forged.add(CAPTURED)
    assert set(broken(forged)) == {"I1", "I11"}


def test_open_order_is_no_breach() -> None:
    """An order within its allowance is open, no more; where all must be settled it is a breach."""
    forged = sound()
    leave_open(forged, due_tick=4100)
    forged.change(forged.of(f.OrderRow)[0], open=True)
    assert broken(forged) == {}
    assert set(broken(forged, world(all_settled=True))) == {"I2"}


def test_pruned_outbox_is_no_aborted_read() -> None:
    """Events older than what an outbox still holds are not those of a rolled-back transaction."""
    forged = sound()
    forged.drop(*forged.of(f.OutboxRow))
    forgotten = dict.fromkeys(("api", "payment", "delivery", "restaurant"), NOW)
    assert broken(forged, world(pruned=forgotten)) == {}


def test_expired_journal_topic_lacks_its_beginning() -> None:
    """The journal's topic is kept for a week: its oldest versions may be gone, not those in the middle."""
    forged = sound()
    forged.drop(*forged.of(f.Pushed)[:2])
    expired: dict[str, object] = {"begins": {Place("orders.journal", PARTITION): 3}}
    assert broken(forged, world(**expired)) == {}
    forged.drop(forged.of(f.Pushed)[2])
    assert set(broken(forged, world(**expired))) == {"I4"}


def keyed(*calls: f.Called) -> set[str]:
    """What is broken about a customer's key."""
    about = case(Forgery(list(calls)), space="wish", name="ada key-0001")
    return {breach.sentence for breach in of_case(about, world())}


def test_one_key_is_one_order() -> None:
    """A key answered with two orders, taken for two wishes, or refused to the same wish is a breach of I3."""
    first = called("placeOrder", 1, 2, key="k", wish="w1", version=1)
    assert keyed(first, called("placeOrder", 3, 4, key="k", wish="w1", version=2)) == set()
    assert keyed(first, called("placeOrder", 3, 4, key="k", wish="w1", version=1, order="other"))
    assert keyed(first, called("placeOrder", 3, 4, key="k", wish="w2", version=1))
    refused = called("placeOrder", 3, 4, key="k", wish="w1", outcome="refused", code="IDEMPOTENCY_KEY_REUSED")
    assert keyed(first, refused)
    assert keyed(first, msgspec.structs.replace(refused, input="w2")) == set()
