"""What there was no evidence for is said not to be judged, in whole or in part."""

from pathlib import Path

import pytest

from check import clients
from check import facts as f
from check.history import Recorder
from check.judge import HELD, NOT_CHECKED, VIOLATED, Judgement, judge
from check.spill import Spill, subject
from check.tables import Range
from check.world import World
from tests.support.checking import read
from tests.support.forgery import NOW, ORDER, Forgery, called, sound, world

OTHER = "01a210b6-0000-7000-8000-000000000002"
SINCE = Range(since="01a210b6-0000-7000-8000-000000000000")
ALONE = Range(ORDER, ORDER)
OF_ORDERS = {"I1", "I2", "I3", "I4", "I5", "I6", "I7", "I8", "I9", "I12"}


def judged(folder: Path, forged: Forgery, around: World) -> Judgement:
    """All verdicts on the evidence of one order."""
    spill = Spill(folder)
    for fact in forged.facts:
        spill.add(subject("order", ORDER), *f.write(fact))
    return judge(spill, around, None, lambda _line: None)


def words(found: Judgement, word: str) -> set[str]:
    return {name for name, verdict in found.verdicts.items() if verdict.word == word}


def test_nothing_at_all_holds_nothing(tmp_path: Path) -> None:
    """Where no order was found, no promise about orders was kept."""
    found = judged(tmp_path, Forgery(), world())
    assert words(found, NOT_CHECKED) == OF_ORDERS
    assert found.verdicts["I4"].why == "no orders"


def test_breach_without_an_order_is_told(tmp_path: Path) -> None:
    """What the provider captured for nobody is seen, although there is no order to look at."""
    captured = f.Charge(9.0, "payment_intent.succeeded", "pi_1", 1250, "/confirm", 200)
    assert words(judged(tmp_path, Forgery([captured]), world()), VIOLATED) == {"I1"}


def test_nothing_shown_is_nothing_kept_from_strangers(tmp_path: Path) -> None:
    """I8 and I9 need somebody who was shown something."""
    forged = sound()
    forged.drop(*forged.of(f.Watched), *forged.of(f.Seen))
    assert words(judged(tmp_path, forged, world()), NOT_CHECKED) == {"I8", "I9"}


@pytest.mark.parametrize(("by", "why"), [("ada", "no stranger asked"), ("eve", "")])
def test_refusing_takes_a_stranger(tmp_path: Path, by: str, why: str) -> None:
    """I9: that nobody else was shown the order says little when nobody else asked."""
    forged = sound()
    forged.add(called("read", 3, 4, outcome="refused", code="NOT_FOUND", by=by))
    verdict = judged(tmp_path, forged, world()).verdicts["I9"]
    assert (verdict.word, verdict.why) == (HELD, why)


@pytest.mark.parametrize(
    ("wanted", "partly"),
    [(Range(), set()), (SINCE, {"I5", "I7", "I11"}), (ALONE, {"I1", "I3", "I5", "I7", "I11"})],
    ids=["everything", "since", "alone"],
)
def test_part_of_the_orders_is_part_of_the_promise(tmp_path: Path, wanted: Range, partly: set[str]) -> None:
    """Shelves, other topics and other keys are not looked at with some orders, and the verdict says so."""
    around = {name: one.why for name, one in judged(tmp_path, sound(), world()).verdicts.items()}
    found = judged(tmp_path, sound(), world(wanted=wanted))
    assert {name for name, one in found.verdicts.items() if one.why != around[name]} == partly


@pytest.mark.parametrize(("wanted", "word"), [(Range(), VIOLATED), (SINCE, VIOLATED), (ALONE, HELD)])
def test_keys_are_judged_with_young_orders(tmp_path: Path, wanted: Range, word: str) -> None:
    """I3: one key that was answered with two orders; whoever looks at one order sees nothing of the other."""
    with Recorder(tmp_path / "client.jsonl", "client") as recorder:
        for order in (ORDER, OTHER):
            recorder.place("ada", "key-0001", "w").ok({"id": order, "version": 1})
    spill = Spill(tmp_path)
    for fact in sound().facts:
        spill.add(subject("order", ORDER), *f.write(fact))
    histories = clients.copy_histories([tmp_path / "client.jsonl"], wanted, spill)
    found = judge(spill, world(wanted=wanted, histories=histories, now=0.0), None, lambda _line: None)
    assert found.verdicts["I3"].word == word


@pytest.mark.parametrize(("recovered", "why"), [(4970.0, ""), (0.0, "not every recovery was waited for")])
def test_recovery_takes_a_witness(tmp_path: Path, recovered: float, why: str) -> None:
    """I14: histories that end soon behind a fault do not tell what became of it, and nor does the verdict."""
    fault = clients.Fault("kill", "payment", 4960.0, {}, recovered=recovered)
    around = world(histories=clients.Histories(files=1, faults=[fault], last=NOW))
    verdict = judged(tmp_path, sound(), around).verdicts["I14"]
    assert (verdict.word, verdict.why) == (HELD, why)


def test_tests_want_orders_that_were_judged() -> None:
    """A test whose check looked at no order, or could not judge some promise, has shown nothing."""
    held = {"verdict": "held", "why": "", "breaches": []}
    blind = {"verdict": "not checked", "why": "no provider", "breaches": []}
    broken = {"verdict": "VIOLATED", "why": "", "breaches": [{"about": "o-1", "sentence": "it hangs"}]}
    assert read({"orders": 1, "invariants": {"I2": held}}) == []
    assert read({"orders": 0, "invariants": {"I2": held}}) == ["no order was looked at"]
    assert read({"orders": 1, "invariants": {"I1": blind, "I2": broken}}) == [
        "I1: not checked: no provider",
        "I2: o-1: it hangs",
    ]
