"""The judge of a bench run finds every broken promise, and none where there is none."""

import dataclasses

from bench.judge import violations
from bench.orders import Placed, Sighting

STATUSES = ["PLACED", "PAID", "COURIER_ASSIGNED", "ACCEPTED", "READY", "PICKED_UP", "DELIVERED"]


def order(name: str = "o-1") -> Placed:
    pushes = [Sighting(version, status, float(version)) for version, status in enumerate(STATUSES, 1)]
    return Placed("key", 0.0, id=name, acknowledged=0.5, pushes=pushes, ended=9.0)


def verdict(one: Placed, captures: int = 1, journal: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 7)) -> list[str]:
    return violations([one], {one.id: captures}, {one.id: journal}, [])


def test_sound_run_has_none() -> None:
    """An order delivered, seen whole and charged once breaks no promise."""
    assert verdict(order()) == []


def test_missing_version_is_found() -> None:
    """A version that never reached the subscriber is a gap, and differs from the journal."""
    gap = order()
    del gap.pushes[2]
    assert len(verdict(gap)) == 2


def test_repeated_version_is_found() -> None:
    """A version pushed twice is a fault although nothing is missing."""
    twice = order()
    twice.pushes.insert(3, twice.pushes[2])
    assert verdict(twice)


def test_double_capture_is_found() -> None:
    """Two captures for one order are named with their number."""
    assert verdict(order(), captures=2) == ["order o-1: the provider captured 2 times"]


def test_undelivered_order_is_found() -> None:
    """An order that stopped on the way is named with its status."""
    stuck = order()
    stuck.pushes = stuck.pushes[:4]
    assert verdict(stuck, journal=(1, 2, 3, 4)) == ["order o-1: it ended ACCEPTED"]


def test_unanswered_order_is_found() -> None:
    """A placement that was refused is a violation with the refusal's text."""
    refused = Placed("k-1", 0.0, error="HTTP 500")
    assert violations([refused], {}, {}, []) == ["order (not acknowledged, key k-1): HTTP 500"]


def test_one_order_for_two_keys_is_found() -> None:
    """Two keys answered with one order lose an order."""
    both = [order(), dataclasses.replace(order(), key="other")]
    found = violations(both, {"o-1": 1}, {"o-1": (1, 2, 3, 4, 5, 6, 7)}, [])
    assert found == ["order o-1: answered to two idempotency keys"]


def test_broken_socket_is_found() -> None:
    """A socket that broke in a run without faults is a violation."""
    assert violations([], {}, {}, ["closed 1006"]) == ["a socket broke: closed 1006"]
