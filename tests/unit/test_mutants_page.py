"""verify/mutants/README.md lists the mutants as they are."""

import re

from check.judge import INVARIANTS
from mutants.catalogue import MUTANTS, Mutant
from runtime.layout import ROOT

PAGE = (ROOT / "verify" / "mutants" / "README.md").read_text("utf-8")


def caught(mutant: Mutant) -> str:
    """As the table tells it."""
    return " or ".join(f"{invariant} *{' … '.join(words)}*" for invariant, words in mutant.caught_by.items())


def test_each_mutant_has_its_row() -> None:
    """With what catches it; no row without a mutant."""
    rows = [f"| {name} | {one.about} | {one.provocation} | {caught(one)} |" for name, one in MUTANTS.items()]
    assert re.findall(r"^\| (?!mutant |--).*$", PAGE.split("\n## ")[1], re.MULTILINE) == rows


def test_invariants_without_a_mutant_are_named() -> None:
    """Nobody takes the list for the whole of the judge."""
    seen = {invariant for one in MUTANTS.values() for invariant in one.caught_by}
    [said] = re.findall(r"^No mutant is caught by (.+?):", PAGE, re.MULTILINE)
    assert re.findall(r"I\d+", said) == [one.name for one in INVARIANTS if one.name not in seen]
