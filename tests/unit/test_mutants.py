"""A mutant is caught by the sentence about what it does, where a sound system has none, before and behind it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from check import contract
from check.report import wrong
from mutants.catalogue import MUTANTS
from mutants.provocations import PROVOCATIONS
from mutants.run import Caught, Theatre, by_provocation
from runtime.layout import ROOT

RULES = ROOT / "verify" / "check" / "rules"
SERVICES = ("api", "delivery", "payment", "restaurant")
NAME, PROVOCATION = "no CLOSED row", "cancels"
EFFECT = "o-1: delivery gave a closed order a courier: it was paid only behind its end"
OTHER = "o-1: delivery's job is not there, although the order is closed"


class Rehearsal(Theatre):
    """Plays nothing: the check's answers are given, one for each play."""

    def __init__(self, *answers: Mapping[str, Sequence[str]]) -> None:
        self.answers = list(answers)
        self.became: list[tuple[str, str]] = []
        self.say = lambda _line: None

    def play(self, provocation: str) -> Mapping[str, Sequence[str]]:
        assert provocation == PROVOCATION
        return self.answers.pop(0)

    def _become(self, name: str, what: str) -> None:
        self.became.append((name, what))


def caught(*answers: Mapping[str, Sequence[str]]) -> Caught:
    """What becomes of the mutant when the check says so before it, of it, and behind it."""
    rehearsal = Rehearsal(*answers)
    [one] = rehearsal.kill(PROVOCATION, [NAME])
    assert (rehearsal.answers, rehearsal.became) == ([], [(NAME, NAME), (NAME, "")])
    return one


def test_effect_is_what_catches() -> None:
    """The sentence about what the mutant does; another one of the same invariant is an accident."""
    assert caught({}, {"I7": [OTHER, EFFECT]}, {}).killed
    assert not caught({}, {"I7": [OTHER]}, {}).killed
    assert not caught({}, {"I12": [EFFECT]}, {}).killed


@pytest.mark.parametrize("answers", [({"I2": ["it hangs"]}, {}), ({}, {"I2": ["it hangs"]})], ids=["before", "behind"])
def test_sound_system_stays_sound(answers: tuple[Mapping[str, Sequence[str]], ...]) -> None:
    """What is violated without the mutant, be it only behind it, is no proof against the mutant."""
    before, behind = answers
    one = caught(before, {"I7": [EFFECT]}, behind)
    assert (one.killed, one.sound) == (False, {"I2": ["it hangs"]})


def test_blind_check_is_not_sound() -> None:
    """What could not be judged stands where violations do, and no mutant is caught by it."""
    verdicts: dict[str, Any] = {
        "I1": {"verdict": "not checked", "count": 0, "why": "no orders", "breaches": []},
        "I2": {"verdict": "VIOLATED", "count": 1, "why": "", "breaches": [{"about": "o-1", "sentence": "it hangs"}]},
        "I3": {"verdict": "held", "count": 0, "why": "", "breaches": []},
    }
    assert wrong({"invariants": verdicts}) == {"I1": ["not checked: no orders"], "I2": ["o-1: it hangs"]}


def test_mutants_of_a_provocation_are_tried_together() -> None:
    """In the order of the provocations; all of them when none is named."""
    assert by_provocation(["double charge", "doubled event", "dropped event"]) == {
        "calm": ["doubled event", "dropped event"],
        "lost answers": ["double charge"],
    }
    tried = by_provocation([])
    assert {name for names in tried.values() for name in names} == set(MUTANTS)
    assert set(tried) == set(PROVOCATIONS)


@pytest.mark.parametrize("name", MUTANTS)
def test_rules_say_such_a_thing(name: str) -> None:
    """The words that are to catch a mutant stand in a rule of that invariant, or name an event or a service."""
    texts = [path.read_text() for path in Path(RULES).glob("*.py")]
    names = {*contract.consumers(), *SERVICES}
    for invariant, words in MUTANTS[name].caught_by.items():
        about = [text for text in texts if f'"{invariant}"' in text]
        for word in words:
            bare = " ".join(part for part in word.split() if part not in names)
            assert word in names or any(bare in text for text in about), (invariant, word)
