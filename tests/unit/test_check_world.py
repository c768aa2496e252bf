"""The judge sees what is about no single order: clock, slot, positions, faults, stock, deadlines in a standstill."""

import pytest

from api.events import DeadlinePassed, OrderCancelled, PaymentCompleted, PaymentRefunded, Reason
from chassis.kafka import Place
from check import contract
from check import facts as f
from check.clients import Fault, Histories
from check.judge import of_case
from check.look import distinct
from check.rules.stock import Shelf
from check.tables import Slot
from check.topics import Tick
from tests.support.forgery import (
    BEGAN,
    CREATED,
    NOW,
    PARTITION,
    TOTAL,
    Forgery,
    broken,
    broken_around,
    case,
    sound,
    world,
)

HEALTHY = Slot("reserved", True, 0, 4096)


def test_sound_world_is_green() -> None:
    """A clock that ticks, a slot that is read, services at the log's end."""
    assert broken_around(world()) == {}


@pytest.mark.parametrize(
    "slot",
    [None, Slot("lost", False, 0, 4096), Slot("reserved", False, 0, 4096), Slot("reserved", True, 0, -1)],
    ids=["missing", "lost", "unread", "unbounded"],
)
def test_slot_in_trouble_is_red(slot: Slot | None) -> None:
    """I13: there, read, and bounded."""
    assert set(broken_around(world(slot=slot))) == {"I13"}


def test_slot_beyond_its_bound_is_red() -> None:
    """I13: Postgres is about to give up what the connector has not read."""
    assert set(broken_around(world(slot=Slot("extended", True, 5 << 30, 4096)))) == {"I13"}


def test_keeper_without_alarm_is_red() -> None:
    """I13: a keeper that does not report the slot's bytes warns nobody."""
    assert set(broken_around(world(keeper={"tick_age_seconds": 1.0}))) == {"I13"}


def test_stalled_consumer_is_red() -> None:
    """I10: a consumer that did not move while there was something to read stands still; one that moved is busy."""
    assert read_to(17, 17) == {"I10": [f"it stands still at orders.events {PARTITION}@17; the log went on to 900"]}
    assert read_to(17, 400) == {}
    assert read_to(None, 17) == {}


def test_consumer_that_never_began_is_red() -> None:
    """I10: who never got a partition has no position in it, and owes all that it holds; an empty one is nobody's."""
    never = f"it has never begun at orders.events {PARTITION}@0; the log went on to 900"
    assert read_to(None, None) == {"I10": [never]}
    assert read_to(None, None, begins=900) == {}


def test_everybody_who_reads_a_topic_is_known() -> None:
    """By the catalogue; of the journal each notifier reads all, and keeps no place."""
    assert contract.readers("orders.events") == {"api", "delivery", "payment", "restaurant"}
    assert contract.readers("restaurants.events") == {"api", "restaurant"}
    assert contract.readers("couriers.events") == {"delivery"}
    assert contract.readers("ticks") == {"api"}
    assert contract.readers("orders.journal") == set()


def read_to(before: int | None, after: int | None, begins: int = 0) -> dict[str, list[str]]:
    """What is broken when payment, of all who read this partition, has come so far; None: it has no position."""
    place, looks = Place("orders.events", PARTITION), []
    for at in (before, after):
        positions = {(who, *place): 900 for who in ("api", "delivery", "restaurant")}
        looks.append(positions if at is None else positions | {("payment", *place): at})
    return broken_around(world(ends={place: 900}, begins={place: begins}, positions=looks[0], later_positions=looks[1]))


def faults(*those: Fault) -> Histories:
    return Histories(files=1, faults=list(those), last=NOW)


def test_fault_without_recovery_is_red() -> None:
    """I14: what was killed, crashed, or started again, works again within minutes; others have no such end."""
    assert set(broken_around(world(histories=faults(Fault("kill", "payment", 1000, {}))))) == {"I14"}
    assert set(broken_around(world(histories=faults(Fault("failpoint", "payment", 1000, {}))))) == {"I14"}
    assert set(broken_around(world(histories=faults(Fault("stop", "connect", 900, {}, healed=1000))))) == {"I14"}
    recovered = Fault("stop", "connect", 900, {}, healed=1000, recovered=1004)
    assert broken_around(world(histories=faults(recovered, Fault("duplicates", "kafka", 900, {})))) == {}


def test_late_recovery_is_red() -> None:
    """I14: a part that came back after an hour had a hand's help, or its users had an hour without it."""
    late = Fault("kill", "payment", 1000, {}, recovered=4600)
    assert broken_around(world(histories=faults(late))) == {"I14": ["kill: it recovered only after 3600 s"]}


def test_stopped_part_is_not_late() -> None:
    """I14: what is stopped on purpose does not come back, however long."""
    assert broken_around(world(histories=faults(Fault("stop", "connect", 900, {})))) == {}


def late_by(*faults_: Fault) -> bool:
    """Whether a version that took 123 seconds to an open stream, 60 of them allowed, is late."""
    forged = sound()
    forged.change(forged.of(f.Seen)[-1], at=BEGAN + 130)
    forged.change(forged.of(f.Watched)[0], ended=BEGAN + 131)
    return "I8" in broken(forged, world(histories=faults(*faults_)))


def outage(part: str, began: float, healed: float) -> Fault:
    return Fault("pause", part, BEGAN + began, {}, healed=BEGAN + healed)


def test_faults_on_the_way_excuse_lateness() -> None:
    """I8: a version that could not come through is not late for as long as that, however many faults it was."""
    assert late_by()
    assert not late_by(outage("connect", 20, 90))
    assert not late_by(outage("connect", 20, 55), outage("notifier", 60, 95))
    assert late_by(outage("connect", 20, 55), outage("kafka", 22, 57), outage("edge", 20, 55))


@pytest.mark.parametrize("part", ["provider", "keeper", "payment", "couriers", "orders.events"])
def test_faults_elsewhere_excuse_nothing(part: str) -> None:
    """I8: what was made is shown, whatever makes no more of it."""
    assert late_by(outage(part, 20, 90))


def ticking(*gaps: tuple[float, float]) -> list[Tick]:
    """A tick a second for 4800 seconds, but none between these times."""
    times = [100.0 + second for second in range(4800)]
    flowing = [at for at in times if not any(since < at < until for since, until in gaps)]
    return [Tick(k, at - 0.02, at) for k, at in enumerate(flowing, 1)]


def test_clock_ahead_of_the_log_is_red() -> None:
    """I15: a tick that was written before the one before it came out is no closed loop; a lost one is none either."""
    eager = [Tick(1, 100.0, 100.02), Tick(2, 101.0, 130.0), Tick(3, 102.0, 130.0)]
    assert set(broken_around(world(ticks=eager))) == {"I15"}
    assert set(broken_around(world(ticks=[Tick(1, 100.0, 100.0), Tick(3, 102.0, 102.0)]))) == {"I15"}


def test_repeated_tick_counts_once() -> None:
    """A repair may tell ticks again."""
    told = [Tick(1, 100.0, 100.0), Tick(2, 101.0, 101.0), Tick(1, 100.0, 102.0), Tick(3, 102.5, 102.5)]
    assert [tick.k for tick in distinct(told)] == [1, 2, 3]


def timed_out(waited: float) -> Forgery:
    """An order that was cancelled for want of a courier so many seconds after it was paid."""
    steps = (("api", CREATED), ("payment", PaymentCompleted(1)))
    ends = (("api", DeadlinePassed(2)), ("api", OrderCancelled(Reason.NO_COURIER)))
    forged = sound((*steps, *ends, ("payment", PaymentRefunded(TOTAL, "EUR"))))
    for kind in ("deadline_passed", "order_cancelled", "payment_refunded"):
        event = forged.event(kind)
        forged.change(event, at=event.at + waited)
    forged.drop(*forged.of(f.Watched), *forged.of(f.Seen))
    return forged


def test_deadline_in_a_standstill_is_red() -> None:
    """I15: 181 seconds passed, and 31 of them had ticks: whoever cancels then has looked at another clock."""
    stood = world(ticks=ticking((BEGAN + 10, BEGAN + 160)))
    assert set(broken(timed_out(181), stood)) == {"I15"}
    assert broken(timed_out(181 + 150), stood) == {}


@pytest.mark.parametrize(("stood", "red"), [(40, True), (25, False)])
def test_projector_may_have_been_behind(stood: float, red: bool) -> None:
    """I15: ticks that it had still to read when the wait began count; there are half a minute of them at most."""
    around = world(ticks=ticking((BEGAN + 10, BEGAN + 10 + stood)))
    assert ("I15" in broken(timed_out(181), around)) is red


def test_deadline_is_measured_by_what_was_set() -> None:
    """The running system's allowances, or those that a history says were set at that time."""
    stood = {"ticks": ticking((BEGAN + 10, BEGAN + 160))}
    assert broken(timed_out(181), world(**stood, allowances={"no_courier": 20})) == {}
    said = Histories(
        files=1, last=NOW, allowances=[(BEGAN - 10, {"no_courier": 20}), (BEGAN + 400, {"no_courier": 500})]
    )
    assert broken(timed_out(181), world(**stood, histories=said)) == {}
    assert broken(timed_out(22), world(histories=said)) == {}
    assert set(broken(timed_out(6), world(histories=said))) == {"I15"}


def test_deadline_for_another_wait_is_red() -> None:
    """I15: an order that waits for its dish is not cancelled for want of a courier."""
    forged = timed_out(400)
    last = next(row for row in forged.of(f.JournalRow) if row.type == "order_cancelled")
    forged.change(last, data='{"reason":"not_ready"}')
    assert "I15" in broken(forged)


@pytest.mark.parametrize(("left", "sound_"), [(99, True), (100, False), (98, False)])
def test_stock_is_what_orders_left(left: int, sound_: bool) -> None:
    """I7: planted less held; one more or less is lost or made."""
    shelf = Shelf({("sobaya", "soba"): 100})
    shelf.see(case(sound()))
    assert (list(shelf.breaches({("sobaya", "soba"): left})) == []) is sound_


def test_stock_that_was_counted_is_not_judged() -> None:
    """A kitchen that counted anew has the last word: its dishes are not among what the tables tell."""
    shelf = Shelf({("sobaya", "soba"): 100})
    shelf.see(case(sound()))
    assert list(shelf.breaches({})) == []


def test_streams_of_couriers_are_judged() -> None:
    """I5 holds for the other topics, too: their keys are cases of their own."""
    row = f.OutboxRow("api", 9, "s", "couriers.events", "shift_started", "{}", "api", 1, NOW - 9)
    lost = case(Forgery([row]), "couriers.events", "c-01")
    assert [breach.invariant for breach in of_case(lost, world())] == ["I5"]
