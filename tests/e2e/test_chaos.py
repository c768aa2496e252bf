"""A tiny chaos, with a system of its own: every order ends as it may, and the check holds."""

import json
from pathlib import Path

import pytest

from ground.stack_local import LocalStack
from tests.support import programs

SECONDS = 400  # a minute of load, one of deadlines, and the starts of two systems on a busy machine


@pytest.mark.timeout(SECONDS + 20)
def test_chaos_finds_no_violation(local: LocalStack, tmp_path: Path) -> None:
    """A minute of load with a few faults in it; how fast parts came back is not judged here."""
    options = ["--minutes", "1", "--seed", "1", "--rate", "6", "--runtime", "local", "--out", str(tmp_path / "out")]
    told = programs.run(local, "chaos", *options, seconds=SECONDS)
    assert told.returncode == 0, told.stdout + told.stderr
    figures = json.loads(told.stdout.splitlines()[-1])
    assert (figures["orders"], figures["violations"]) == (360, 0)
    assert figures["faults"] > 2
