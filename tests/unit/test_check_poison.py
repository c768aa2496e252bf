"""Of an order that was poisoned the judge wants what it wants of any other, once the poison is out of its way."""

from collections.abc import Sequence

import pytest

from check import facts as f
from tests.support.forgery import CANCELLED, DELIVERED, PARTITION, UNPAID, Break, Forgery, Step, broken, sound
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
