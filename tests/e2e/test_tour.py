"""`make demo` on the real system: eight stories end as they must."""

import os
import subprocess
import sys

import pytest

from ground.stack import Stack
from runtime.layout import ROOT

pytestmark = pytest.mark.needs("state", "kill", "stop")


def test_eight_stories_end_well(stack: Stack) -> None:
    """In less than the 90 seconds that a guest has."""
    words = [sys.executable, "-m", "tour"]
    told = subprocess.run(
        words, cwd=ROOT, env={**os.environ, **stack.person()}, capture_output=True, text=True, timeout=90, check=False
    )
    stack.wait_ready()
    assert told.returncode == 0, told.stdout + told.stderr
    assert "8 of 8 as they must be" in told.stdout
