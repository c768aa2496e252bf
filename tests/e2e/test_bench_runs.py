"""A short bench against a whole system: no figure is judged, every order is."""

import json
import subprocess
import sys

from tests.support.stack import LocalStack


def test_bench_finds_no_violation(stack: LocalStack) -> None:
    """A few seconds of load: every order of the run is delivered, pushed whole and charged once."""
    where = {"DEMAE_STATE": str(stack.known.layout.state), "PYTHONPATH": stack.known.layout.python_path}
    words = [sys.executable, "-m", "bench", "--seconds", "3", "--rate", "5", "--window", "8", "--no-ratios"]
    told = subprocess.run(words, env=where, capture_output=True, text=True, check=False, timeout=200)
    assert told.returncode == 0, told.stdout + told.stderr
    figures = json.loads(told.stdout.splitlines()[-1])
    assert figures["violations"] == 0
    assert figures["orders"] > 15
