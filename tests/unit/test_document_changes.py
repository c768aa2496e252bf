"""The changes that docs/ tells its reader to apply fit the files of this checkout."""

import subprocess
from pathlib import Path

import pytest

from tests.support.databases import ROOT

CHANGES = sorted(ROOT.glob("docs/**/*.diff"))


@pytest.mark.parametrize("change", CHANGES, ids=[path.stem for path in CHANGES])
def test_change_fits(change: Path) -> None:
    """What it changes in contracts/; the rest is of a service that the reader makes first (tests/scaffold)."""
    words = ["git", "apply", "--check", "--include=contracts/*", str(change)]
    done = subprocess.run(words, check=False, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
