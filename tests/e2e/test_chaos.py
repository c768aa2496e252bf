"""A tiny chaos, with a system of its own: every order ends as it may, and the check holds."""

import json
import os
from pathlib import Path

import pytest

from chaos.faults import deck
from chaos.schedule import schedule
from runtime.choose import COMPOSE, forced
from runtime.layout import ROOT, SOURCES
from tests.support.programs import alone

MINUTES = 1
RATE = 6
# A schedule with many kinds in a minute; among them of capture, positions, the provider, and a death between two steps.
SEED = 14826
KINDS = {"failpoint", "pause", "poison", "provider", "duplicates", "offsets_advanced", "connect_offsets_deleted"}
SECONDS = 400  # a minute of load, one of deadlines, and the start of a system on a busy machine

pytestmark = pytest.mark.skipif(forced(os.environ) == COMPOSE, reason="it starts local processes of its own")


@pytest.mark.timeout(SECONDS + 20)
def test_chaos_finds_no_violation(tmp_path: Path) -> None:
    """A minute of load with some faults in it; how fast parts came back is not judged here."""
    planned = schedule(SEED, 60.0 * MINUTES, deck(test_build=True))
    assert {fault.kind for fault in planned} == KINDS, "another deck: look for a seed that deals as much"
    options = {"seed": SEED, "runtime": "local", "minutes": MINUTES, "rate": RATE, "out": tmp_path / "out"}
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    path = os.pathsep.join(str(ROOT / part) for part in SOURCES)
    told = alone("chaos", "--no-limits", *words, seconds=SECONDS, PYTHONPATH=path)
    assert told.returncode == 0, told.stdout + told.stderr
    figures = json.loads(told.stdout.splitlines()[-1])
    orders = 60 * MINUTES * RATE
    assert (figures["orders"], figures["faults"], figures["violations"]) == (orders, len(planned), 0)
