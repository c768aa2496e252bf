"""The explorer: all services' rules together, under faults, and a control for each rule that holds them together.

Seconds here; `make explore STEPS=1000000` looks longer. A violation names its seed: `sweep([seed])` is that run again.
"""

import json
from collections.abc import Sequence
from dataclasses import fields

import pytest
from typer.testing import CliRunner

from api.events import READS, Reason
from explore import __main__ as explore
from explore import machine
from explore.log import Rules
from explore.orders import Api
from explore.service import Read, Work
from explore.sweep import Sweep, sweep
from explore.town import Deadlines, Scene, healthy_orders_lost, town
from explore.versions import OTHERS

RUNS = 120
STORIES = 60
CLOCK_RUNS = 2
CONTROL_RUNS = 500  # at most: the rarest control is caught within a fifth of them
RARE = {"RESTAURANT_SILENT"}

CONTROLS = [
    ("remember_closed", "I7: a courier is not free"),
    ("remember_closed", "I1: cancelled, 1 captured, settled ['payment_released']"),
    ("lease", "I7: payment_completed emitted 2 times"),
    ("replace_leavers", "I7: a courier who left keeps an order"),
    ("believe_pick_up", "I7: an order is not with who picked it up"),
    ("gone_is_gone", "I7: stock grew"),
    ("newest_word", "I7: stock is lost"),
    ("one_allowance", "I2: another card prolonged the wait"),
    ("one_allowance", "I12: the journal's fold is not the document"),
    ("in_order", "crash: UnknownOrderError: the order was never created"),
    ("let_go", "I11: something is parked"),
    ("one_order_a_key", "I3: keys and orders differ"),
    ("newest_version", "I4: versions have a gap"),
    ("newest_version", "I6: illegal [('DELIVERED', 'PICKED_UP')]"),
    ("newest_version", "I8: a version after the end of the stream"),
    ("decide_again", "I6: not one end"),
    ("decide_again", "I12: lost update: order_ready of api itself is in no version"),
    ("fold_each", "I12: lost update: order_accepted is in no version"),
    ("say_all", "I12: a version of order_cancelled, which nobody said"),
    ("end_is_final", "I2: hangs in PAID"),
    ("end_is_final", "I6: illegal [('CANCELLED', 'PAID')]"),
    ("skip_none", "I4: the journal's topic has a gap"),
    ("skip_none", "I5: orders.events is not what was committed"),
    ("skip_none", "I12: lost update: payment_completed was never handled"),
]
"""(Rule that is switched off, what the judge then says)."""

STOP = (60.0, 160.0)  # longer than the longest allowance
LOG_STANDS = Scene(log_stands=STOP)
PROJECTOR_STANDS = Scene(projector_stands=STOP)
PARTITION_STANDS = Scene(partition_stands=STOP)


@pytest.fixture(scope="module")
def explored() -> Sweep:
    """The real rules, in many interleavings."""
    return sweep(range(RUNS))


def test_invariants_hold_in_every_run(explored: Sweep) -> None:
    """What the judge judges holds once faults have healed."""
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


@pytest.mark.parametrize(("broken", "shown"), CONTROLS)
def test_broken_rule_is_caught(broken: str, shown: str) -> None:
    """Controls: the end of an order forgotten, no lease, a courier who leaves with the order, and so on (`Rules`)."""
    rules = Rules(**{broken: False})
    assert any(shown in sweep([seed], rules).violations for seed in range(CONTROL_RUNS))


@pytest.mark.parametrize("kind", sorted(OTHERS))
def test_lost_update_is_caught(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Controls: api drops another service's fact of one kind when it reads it."""
    decide = Api.decide

    def drops(api: Api, reads: Sequence[Read]) -> Work:
        return decide(api, [read for read in reads if not isinstance(read.data, READS[kind])])

    monkeypatch.setattr(Api, "decide", drops)
    shown = f"I12: lost update: {kind} is in no version"
    assert any(shown in sweep([seed]).violations for seed in range(CONTROL_RUNS))


def test_every_rule_has_its_control() -> None:
    """Nothing is said to be proven that is never switched off."""
    assert {broken for broken, _ in CONTROLS} == {field.name for field in fields(Rules)}


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
