"""A short run of `make trouble` against a whole system: no figure is judged, every order and every bad event is."""

import json

import pytest

from ground.stack import Stack
from tests.support import programs


@pytest.mark.needs("state", "database", "provider log", "provider faults", "brokers")
def test_trouble_finds_no_violation(stack: Stack) -> None:
    """Refusals, silence, poison: no order is lost or charged twice, each bad event is parked once for each reader."""
    told = programs.run(stack, "trouble", "--seconds", "4", "--rate", "5", "--half-rate", "30", seconds=240)
    assert told.returncode == 0, told.stdout + told.stderr
    figures = json.loads(told.stdout.splitlines()[-1])
    assert (figures["violations"], figures["unavailable"]["lost"], figures["poison"]["parked_after"]) == (0, 0, 0)
    assert figures["poison"]["heads"] == figures["poison"]["heads_expected"] != {}
