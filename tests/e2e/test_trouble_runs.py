"""A short run of `make trouble` against a whole system: no figure has a limit; every order and bad event is judged."""

import json

import pytest

from ground.stack import Stack
from tests.support import programs


@pytest.mark.needs("state", "database", "provider log", "provider faults", "brokers")
def test_trouble_finds_no_violation(once: Stack) -> None:
    """Refusals, silence, poison: no order is lost or charged twice, each bad event is parked once for each reader.

    On one runtime: the addresses are those of test_bench_runs.py, test_poison.py and test_trouble.py, which run on all.
    """
    options = ["--seconds", "4", "--rate", "5", "--half-rate", "30", "--no-limits"]
    told = programs.run(once, "trouble", *options, seconds=240)
    assert told.returncode == 0, told.stdout + told.stderr
    figures = json.loads(told.stdout.splitlines()[-1])
    assert (figures["violations"], figures["unavailable"]["lost"], figures["poison"]["parked_after"]) == (0, 0, 0)
    assert figures["unavailable"]["calls_per_s"] > 0
    assert figures["poison"]["heads"] == figures["poison"]["heads_expected"] != {}
