"""The explorer: all services' rules together, under faults, and a control for each rule that holds them together.

Seconds by default; `EXPLORER_RUNS=20000 pytest tests/unit/test_explorer.py` looks longer. A violation names its seed:
`sweep([seed])` is that run again.
"""

import os

import pytest

from explore.log import Rules
from explore.sweep import Sweep, sweep
from explore.town import Deadlines, Scene, healthy_orders_lost, town

RUNS = int(os.environ.get("EXPLORER_RUNS", "120"))
CLOCK_RUNS = max(2, RUNS // 60)
pytestmark = pytest.mark.timeout(300 + RUNS)  # a long look takes its time
CONTROL_RUNS = 25  # enough for each control to be caught many times

STOP = (60.0, 160.0)  # longer than the longest allowance
LOG_STANDS = Scene(log_stands=STOP)
PROJECTOR_STANDS = Scene(projector_stands=STOP)
PARTITION_STANDS = Scene(partition_stands=STOP)


@pytest.fixture(scope="module")
def explored() -> Sweep:
    """The real rules, in many interleavings."""
    return sweep(range(RUNS))


def test_invariants_hold_in_every_run(explored: Sweep) -> None:
    """I1 to I7 (and I12) hold once faults have healed."""
    assert not explored.violations, str(explored)


def test_every_ending_is_reached(explored: Sweep) -> None:
    """The runs are worth something: orders are delivered, cancelled, short of stock, unpaid and without a courier."""
    assert explored.endings.keys() >= {"DELIVERED", "CUSTOMER", "OUT_OF_STOCK", "PAYMENT_FAILED", "NO_COURIER"}
    assert explored.endings["DELIVERED"] > RUNS


def test_forgotten_end_is_caught() -> None:
    """Control, no CLOSED row: couriers, stock and money are lost to events that were on their way."""
    found = sweep(range(CONTROL_RUNS), Rules(remember_closed=False)).violations
    assert found["I7: a courier is not free"] > 0
    assert found["I1: cancelled, 1 captured, settled ['payment_released']"] > 0


def test_missing_lease_is_caught() -> None:
    """Control, no lease: two workers answer for one call, and a fact is emitted twice."""
    found = sweep(range(CONTROL_RUNS), Rules(lease=False)).violations
    assert found["I7: payment_completed emitted 2 times"] > 0


@pytest.mark.parametrize(
    "scene", [LOG_STANDS, PROJECTOR_STANDS, PARTITION_STANDS], ids=["log", "projector", "partition"]
)
def test_stop_ends_no_healthy_order(scene: Scene) -> None:
    """I15: what ends well without the stop ends well with it, while placing goes on and couriers are few."""
    assert healthy_orders_lost(scene, Deadlines.CLOSED_LOOP, range(CLOCK_RUNS)) == 0


def test_couriers_are_few_in_the_scene() -> None:
    """Without a queue for couriers after the stop, the test above would prove nothing."""
    assert len(town(LOG_STANDS, Deadlines.CLOSED_LOOP, 0).queued) > LOG_STANDS.couriers


def test_deadlines_do_end_orders() -> None:
    """Nor would it if deadlines never fired: with hardly any couriers, orders are given up."""
    assert len(town(Scene(couriers=1, every=3), Deadlines.CLOSED_LOOP, 0).ended_well()) < Scene.orders


@pytest.mark.parametrize(
    ("deadlines", "scene"),
    [
        (Deadlines.WALL_CLOCK, LOG_STANDS),
        (Deadlines.OPEN_LOOP, LOG_STANDS),
        (Deadlines.LEAPING, PROJECTOR_STANDS),
        (Deadlines.DIRECT, PARTITION_STANDS),
    ],
    ids=["wall clock", "open loop", "leaping", "direct"],
)
def test_other_deadlines_are_caught(deadlines: Deadlines, scene: Scene) -> None:
    """Controls: a wall clock, a clock that is no closed loop, one that leaps after its reader's stop, a direct end."""
    assert healthy_orders_lost(scene, deadlines, range(1)) > 0
