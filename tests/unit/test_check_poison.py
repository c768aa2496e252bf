"""Poison is parked and nothing else is; of an order behind it the judge wants what it wants of any other."""

from collections.abc import Sequence

import pytest

from check import facts as f
from check.judge import of_case
from check.world import World
from tests.support.forgery import (
    CANCELLED,
    DELIVERED,
    NOW,
    PARTITION,
    POISONED,
    UNPAID,
    Break,
    Forgery,
    Step,
    broken,
    case,
    sound,
    world,
)
from tests.unit.test_check_rules import leave_open, settlement_not_folded


def busy_courier(forged: Forgery) -> None:
    """Delivery never heard of the end."""
    forged.change(forged.of(f.JobRow)[0], state="ASSIGNED", courier="c-01")
    forged.add(f.CourierRow("c-01"))


BREAKS: dict[str, tuple[Sequence[Step], Break, set[str]]] = {
    "hangs": (DELIVERED, lambda made: leave_open(made, None), {"I2"}),
    "courier not free": (CANCELLED, busy_courier, {"I7"}),
    "event not folded": (CANCELLED, settlement_not_folded, {"I12"}),
}


@pytest.mark.parametrize("decided", ["discarded", "released"])
@pytest.mark.parametrize("name", BREAKS)
def test_break_behind_poison_is_red(name: str, decided: str) -> None:
    """What was injected is no event of the order: that it is gone excuses nothing."""
    steps, break_, wanted = BREAKS[name]
    forged = sound(steps)
    break_(forged)
    forged.inject(decided)
    assert set(broken(forged)) == wanted


@pytest.mark.parametrize("steps", [DELIVERED, CANCELLED, UNPAID], ids=["delivered", "cancelled", "unpaid"])
@pytest.mark.parametrize("decided", ["", "discarded"])
def test_sound_order_with_poison_is_green(steps: Sequence[Step], decided: str) -> None:
    """Whether somebody has decided about the poison yet or not."""
    forged = sound(steps)
    forged.inject(decided)
    assert broken(forged) == {}


def test_order_owes_nothing_that_a_person_gave_up() -> None:
    """An event of its own that was discarded need not have had any effect."""
    forged = sound(CANCELLED)
    busy_courier(forged)
    forged.add(f.Decided("discarded", "delivery", "orders.events", PARTITION, 50))
    assert broken(forged) == {}


def test_repeated_poison_is_no_fact() -> None:
    """The broker may tell again what was injected: services know its id, and so does the judge."""
    forged = sound()
    forged.inject("discarded")
    forged.repeat(900)
    assert broken(forged) == {}


def left(*rows: f.ParkedRow) -> Forgery:
    """An order whose poison somebody has decided about, and what api still has of it."""
    forged = sound()
    forged.inject("released")
    forged.add(*rows)
    return forged


def row(offset: int, state: str, decided: float | None = None) -> f.ParkedRow:
    """Parked an hour ago."""
    return f.ParkedRow("api", "orders.events", PARTITION, offset, None, state, "no JSON", 1, NOW - 3600, decided)


def undrained(offset: int) -> World:
    """With what the tables say at the end of looking."""
    return world(undrained=frozenset({("api", "orders.events", PARTITION, offset)}))


LONG_AGO, JUST_NOW = NOW - 70, NOW - 50


def test_released_key_that_stays_is_red() -> None:
    """I11: nobody does what was decided; or what stood behind a head that is gone does not follow."""
    assert set(broken(left(row(POISONED, "released", LONG_AGO)), undrained(POISONED))) == {"I11"}
    assert set(broken(left(row(600, "behind"), row(601, "behind")), undrained(600))) == {"I11"}


def test_key_under_way_is_green() -> None:
    """What was decided a moment ago, what goes on while it is looked at, and what waits for a person."""
    assert broken(left(row(POISONED, "released", JUST_NOW)), undrained(POISONED)) == {}
    assert broken(left(row(600, "behind"), row(601, "behind")), undrained(601)) == {}
    assert broken(left(row(POISONED, "head"), row(600, "behind")), undrained(600)) == {}


def test_parked_event_is_not_settled() -> None:
    """I11: where all must be settled nothing is left, whoever it waits for; each key is told of once."""
    found = broken(left(row(POISONED, "head"), row(600, "behind")), world(all_settled=True))
    assert found == {"I11": [f"api still has orders.events {PARTITION}@{POISONED} parked"]}


def test_each_head_without_a_key_is_told_of() -> None:
    """I11: nothing waits behind a record without a key, so the next one is not behind it."""
    heads = [row(offset, "head") for offset in (700, 701)]
    poison = [f.Poisoned("null_key", "orders.events", PARTITION, one.offset, None, "", "", ("api",)) for one in heads]
    nobody = case(Forgery([*heads, *poison]), name="")
    assert len(list(of_case(nobody, world(all_settled=True)))) == 2


POISON = f.Poisoned("bad_json", "orders.events", PARTITION, 500, None, "payment_completed", "payment", None)


def parked(consumer: str, offset: int = 500, state: str = "head") -> f.ParkedRow:
    return f.ParkedRow(consumer, "orders.events", PARTITION, offset, None, state, "no JSON", 1, NOW)


def record(offset: int = 500) -> f.Event:
    return f.Event(PARTITION, offset, "", "payment_completed", "payment", 1, "x", NOW - 9, settled=True)


def poisoned(*more: f.Fact) -> dict[str, list[str]]:
    """What is broken about an order with a poisoned record, and with more."""
    forged = sound()
    forged.add(POISON, record(), *more)
    return broken(forged)


def test_poison_is_parked_by_all_who_read_it() -> None:
    """I11: api and delivery handle payment_completed; each has parked the record, or a person has decided about it."""
    assert poisoned(parked("api"), parked("delivery")) == {}
    assert set(poisoned(parked("api"))) == {"I11"}
    gone = f.Decided("discarded", "delivery", "orders.events", PARTITION, 500)
    assert poisoned(parked("api"), gone) == {}


def test_poison_is_no_fact() -> None:
    """A record that says it is an end of the order, and cannot be read, ended nothing."""
    end = f.Poisoned("huge", "orders.events", PARTITION, 500, "p", "order_cancelled", "api", None)
    forged = sound()
    forged.add(end, f.Event(PARTITION, 500, "p", "order_cancelled", "api", 1, "x", NOW - 9, settled=True))
    forged.add(*(parked(who) for who in ("payment", "delivery", "restaurant")))
    assert broken(forged) == {}


def test_events_behind_poison_are_no_heads() -> None:
    """I11: later events of the key wait behind it; a head that nobody poisoned is a breach."""
    both = (parked("api"), parked("delivery"))
    assert poisoned(*both, parked("api", 600, "behind")) == {}
    assert set(poisoned(*both, parked("api", 600))) == {"I11"}


def test_poison_for_nobody_is_not_parked() -> None:
    """An unknown type is skipped by everybody, and is no aborted read."""
    forged = sound()
    unknown = f.Poisoned("unknown_type", "orders.events", PARTITION, 500, "p", "order_sung", "api", ())
    forged.add(unknown, f.Event(PARTITION, 500, "p", "order_sung", "api", 1, "x", NOW - 9, settled=True))
    assert broken(forged) == {}
