"""A short bench against a whole system: no figure is judged, every order is."""

import json

import pytest

from ground.stack import Stack
from tests.support import programs


@pytest.mark.needs("state", "database", "provider log")
def test_bench_finds_no_violation(stack: Stack) -> None:
    """A few seconds of load: every order of the run is delivered, pushed whole and charged once."""
    options = ["--seconds", "3", "--rate", "5", "--window", "8", "--no-ratios"]
    told = programs.run(stack, "bench", *options, seconds=200)
    assert told.returncode == 0, told.stdout + told.stderr
    figures = json.loads(told.stdout.splitlines()[-1])
    assert figures["violations"] == 0
    assert figures["orders"] > 15
