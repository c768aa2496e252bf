"""What a run came to, for people and programs."""

import io
import json
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from xml.etree import ElementTree

import pytest
from rich.console import Console

from chaos.judge import Judgement, judged, read
from chaos.plan import Plan
from chaos.plot import svg
from chaos.report import figures, tables, write
from chaos.run import Played
from check.judge import NOT_CHECKED
from ground.stack import Stack
from tests.support.chaos_fates import cancelled, met, story

MET = [
    met("payment", 110, 110.5, 113.5),
    met("delivery", 130, 131, 132),
    met("connect", 150, 152, 160),
    met("connect", 170, 171, 191, kind="slot_dropped"),
    met("kafka", 200, 201, 206),
    met("edge", 203, 203, 204),
]
PLAYED = Played(100.0, 220.0, [story(), cancelled("CUSTOMER")], MET, frozenset(), [], [])
SOUND: dict[str, Any] = {"verdict": "held", "count": 0, "why": "", "breaches": []}


def test_figures_are_of_faults_alone() -> None:
    """Services together, the log's parts each, a lost slot by itself; how many there are, and the overlapping ones."""
    assert figures(PLAYED, 0) == {
        "orders": 2,
        "faults": 6,
        "violations": 0,
        "recovery_p99_s": {"service": 3.0, "connect": 8.0, "slot": 20.0},
        "recovery": {
            "service": {"alone": 3, "overlapping": 0},
            "connect": {"alone": 1, "overlapping": 0},
            "kafka": {"alone": 0, "overlapping": 1, "overlapping_max_s": 5.0},
            "slot": {"alone": 1, "overlapping": 0},
        },
    }


def test_tables_tell_all_parts() -> None:
    """Endings, faults, times alone and overlapping, and what the check says."""
    console = Console(width=120, file=(paper := io.StringIO()))
    console.print(tables(PLAYED, Judgement({"I1": "held"}, [])))
    told = paper.getvalue()
    for words in ("delivered 1, customer 1", "slot_dropped", "kafka", "I1", "held"):
        assert words in told


def test_results_are_written(tmp_path: Path) -> None:
    """Seed, faults and their times, and a picture."""
    write(Plan(2.0, 7, 24.0, "local", tmp_path), PLAYED, ["a violation"])
    told = json.loads((tmp_path / "result.json").read_text())
    assert (told["seed"], told["violations"], told["violated"]) == (7, 1, ["a violation"])
    assert [(one["fault"]["part"], one["alone"]) for one in told["met"]][-2:] == [("kafka", False), ("edge", True)]
    ElementTree.fromstring((tmp_path / "orders.svg").read_text())


def test_picture_shows_every_fault() -> None:
    """A band with its name, also when the name is no XML; a run without orders is a picture, too."""
    drawn = ElementTree.fromstring(svg([], [], [(1.0, 2.0, "kill <payment>"), (3.0, 3.0, "poison")], 60.0))
    names = [one.text for one in drawn.iter("{http://www.w3.org/2000/svg}title")]
    assert names == ["kill <payment>", "poison"]


def test_judgement_counts_every_breach() -> None:
    """Sentences for those that are told, a number for the rest, and whom they are about."""
    breach = {"about": "o-1", "sentence": "it ended twice"}
    found = {"I1": SOUND, "I6": SOUND | {"verdict": "VIOLATED", "count": 3, "breaches": [breach]}}
    assert read({"invariants": found}) == Judgement(
        {"I1": "held", "I6": "VIOLATED 3"}, ["I6: o-1: it ended twice", "check counts 2 more"], ["o-1"]
    )


def test_sound_judgement_is_silent() -> None:
    """Nothing violated; what was checked in part says why."""
    found = {"I1": SOUND, "I15": SOUND | {"why": "it never stood"}}
    assert read({"invariants": found}) == Judgement({"I1": "held", "I15": "held it never stood"}, [], [])


def test_unlooked_at_is_a_violation() -> None:
    """Nobody has judged it: that is no soundness."""
    found = {"I1": SOUND | {"verdict": NOT_CHECKED, "why": "no provider"}}
    assert read({"invariants": found}).violations == ["I1 was not checked: no provider"]


@pytest.mark.parametrize(("said", "code"), [("", 0), ("", 2), (json.dumps({"invariants": {"I1": SOUND}}), 1)])
def test_check_that_fails_is_a_violation(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, said: str, code: int) -> None:
    """Whatever it says, or does not say: it did not end as one that found all sound."""
    told = subprocess.CompletedProcess[str]([], code, said, "no topics")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: told)
    stack = cast(Stack, SimpleNamespace(person=dict[str, str]))
    judgement = judged(stack, Plan(1.0, 1, 1.0, "local", tmp_path), lambda _: None)
    assert judgement.violations == [f"check exited {code}: no topics"]
