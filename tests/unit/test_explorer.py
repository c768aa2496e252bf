"""The explorer: all services' rules together, under faults, and a control for each rule that holds them together.

Seconds here; `make explore STEPS=1000000` looks longer. A violation names its seed: `sweep([seed])` is that run again.
"""

import json

import pytest
from typer.testing import CliRunner

from api.events import Reason
from explore import __main__ as explore
from explore import machine
from explore.log import Rules
from explore.sweep import Sweep, sweep
from explore.town import Deadlines, Scene, healthy_orders_lost, town

RUNS = 120
STORIES = 60
CLOCK_RUNS = 2
CONTROL_RUNS = 500  # at most: the rarest control is caught within a fifth of them
RARE = {"RESTAURANT_SILENT"}

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
    """The runs are worth something: orders end in every way there is, and every wait can end one."""
    reached = {"DELIVERED", *(reason.upper() for reason in Reason)}
    assert reached - explored.endings.keys() <= RARE
    assert explored.endings["DELIVERED"] > RUNS


def test_stories_of_hypothesis_hold() -> None:
    """The same world with hypothesis choosing: what it finds wrong, it shrinks to a story one can read."""
    told = Sweep()
    machine.tell(told, number=1, stories=STORIES)
    assert told.runs >= STORIES
    assert told.endings["DELIVERED"] > 0


def test_wrong_story_is_short() -> None:
    """Control: a broken rule is found by hypothesis, too, and told in some steps."""
    with pytest.raises(AssertionError, match="I7: restaurant has READY") as caught:
        machine.tell(Sweep(), number=3, stories=200, rules=Rules(remember_closed=False))
    story = "\n".join(caught.value.__notes__)
    assert "state.place(number=0)" in story
    assert story.count("state.") < 12


@pytest.mark.parametrize(
    ("broken", "shown"),
    [
        ("remember_closed", "I7: a courier is not free"),
        ("remember_closed", "I1: cancelled, 1 captured, settled ['payment_released']"),
        ("lease", "I7: payment_completed emitted 2 times"),
        ("replace_leavers", "I7: a courier who left keeps an order"),
        ("believe_pick_up", "I7: an order is not with who picked it up"),
        ("gone_is_gone", "I7: stock grew"),
        ("newest_word", "I7: stock is lost"),
        ("one_allowance", "I2: another card prolonged the wait"),
        ("in_order", "crash: UnknownOrderError: the order was never created"),
    ],
)
def test_broken_rule_is_caught(broken: str, shown: str) -> None:
    """Controls: the end of an order forgotten, no lease, a courier who leaves with the order, and so on (`Rules`)."""
    rules = Rules(**{broken: False})
    assert any(shown in sweep([seed], rules).violations for seed in range(CONTROL_RUNS))


def test_run_tells_and_exits(monkeypatch: pytest.MonkeyPatch) -> None:
    """`python -m explore` walks and tells until the steps are done; the last line is JSON, the exit code a verdict."""
    monkeypatch.setattr(explore, "WALKS", 3)
    monkeypatch.setattr(explore, "STORIES", 3)
    result = CliRunner().invoke(explore.app, ["--steps", "1500", "--seed", "7"])
    said = json.loads(result.stdout.splitlines()[-1])
    assert (result.exit_code, said["violations"]) == (0, 0)
    assert said["steps"] >= 1500
    assert said["runs"] > 3


def test_run_names_its_seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    """What went wrong is told with the seed that shows it again; the exit code says so."""
    monkeypatch.setattr(explore, "WALKS", 10)
    monkeypatch.setattr(explore, "judged", lambda seeds: sweep(seeds, Rules(lease=False)))
    result = CliRunner().invoke(explore.app, ["--steps", "1", "--seed", "7"])
    assert result.exit_code == 1
    assert "I7: payment_completed emitted 2 times" in result.stdout
    assert "first in the walk of seed " in result.stdout


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
