"""Trouble on demand: as much as was asked for, the same for the same seed, and none when it is over."""

from dataclasses import dataclass

import msgspec
import pytest

from provider import faults
from provider.control import decode
from provider.faults import Fate, Fault, Faults, disputed, fate
from provider.trouble import Trouble

CALLS = [f"order-{n}" for n in range(4000)]


@dataclass
class Clock:
    """Stands until it is moved."""

    now: float = 100.0

    def __call__(self) -> float:
        return self.now


def fates(wanted: Faults) -> list[Fate]:
    """What becomes of the first call of each name."""
    return [fate(wanted, name, 1) for name in CALLS]


@pytest.mark.parametrize("fault", [f for f in Fault if f is not Fault.REFUSE_REFUNDS])
def test_share_of_calls_is_hit(fault: Fault) -> None:
    """About as many as were asked for, by the fault that was asked for alone."""
    found = fates(msgspec.convert({fault.value: 0.2}, Faults))
    hit = [f for f in found if f != Fate()]
    assert len(hit) / len(CALLS) == pytest.approx(0.2, abs=0.03)
    assert {f.before or f.after or Fault.HANG for f in hit} == {fault}


@pytest.mark.parametrize(("share", "hit"), [(0.0, 0), (1.0, len(CALLS))])
def test_none_and_all_are_exact(share: float, hit: int) -> None:
    """Nobody is spared at 1, and nobody hit at 0."""
    assert sum(f.before is Fault.UNAVAILABLE for f in fates(Faults(unavailable=share))) == hit
    assert sum(disputed(Faults(refuse_refunds=share), name) for name in CALLS) == hit


def test_seed_repeats_itself() -> None:
    """The same seed does the same to the same calls; another one does something else."""
    one, other = Faults(seed=1, lose_answer=0.5), Faults(seed=2, lose_answer=0.5)
    assert fates(one) == fates(one) != fates(other)


def test_faults_are_drawn_by_themselves() -> None:
    """A call that hangs is no likelier to lose its answer."""
    both = [f for f in fates(Faults(hang=0.5, lose_answer=0.5)) if f.hangs and f.after is not None]
    assert len(both) / len(CALLS) == pytest.approx(0.25, abs=0.03)


def test_next_try_is_drawn_anew() -> None:
    """A call is not unlucky for ever: its number counts."""
    assert len({fate(Faults(unavailable=0.5), "order-1", count) for count in range(20)}) == 2


def test_waits_add_up() -> None:
    """Every call is slow, and some hang beside that."""
    assert {f.wait for f in fates(Faults(slow_ms=250, hang=0.5, hang_seconds=3))} == {0.25, 3.25}


def test_disputed_intent_stays_so() -> None:
    """Which refunds are refused depends on the intent alone, however often it is asked."""
    wanted = Faults(refuse_refunds=0.5)
    assert [disputed(wanted, name) for name in CALLS] == [disputed(wanted, name) for name in CALLS]


@pytest.mark.parametrize("body", [b'{"hang": 2}', b'{"hnag": 1}', b'{"seconds": 0}', b'{"slow_ms": "x"}', b"{", b"1"])
def test_typing_error_is_refused(body: bytes) -> None:
    """A fault that would silently not happen proves nothing."""
    with pytest.raises(msgspec.MsgspecError):
        decode(body)


def test_trouble_heals_by_itself() -> None:
    """When its seconds are over; what it did can still be asked."""
    clock = Clock()
    trouble = Trouble(clock)
    trouble.set(Faults(seconds=60, unavailable=1))
    before = trouble.fate("key", "o1")
    clock.now += 60
    assert (before.before, trouble.fate("key", "o1"), trouble.now) == (Fault.UNAVAILABLE, Fate(), Faults())
    assert trouble.report() == {"faults": {}, "calls": 2, "done": {"unavailable": 1}, "orders": ["o1"]}


def test_new_trouble_counts_anew() -> None:
    """What is reported is what the faults in force have done."""
    trouble = Trouble(Clock())
    trouble.set(Faults(unavailable=1))
    trouble.fate("key", None)
    trouble.set(Faults(hang=1))
    trouble.fate("key", None)
    assert trouble.report()["done"] == {"hang": 1}
    assert faults.fate(trouble.now, "key", 1).hangs


def test_unexecuted_call_loses_no_answer() -> None:
    """Only what was really done to a call is counted."""
    trouble = Trouble(Clock())
    trouble.set(Faults(unavailable=1, lose_answer=1))
    trouble.fate("key", None)
    assert trouble.report()["done"] == {"unavailable": 1}
