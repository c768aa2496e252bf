"""Our own programs, run as a person of a system runs them."""

import os
import subprocess
import sys

from ground.stack import Stack

# Of the surroundings: what would lead a program to another system.
OURS = ("DEMAE_", "RUNTIME", "JWT_SECRET")


def run(stack: Stack, *words: str, seconds: float = 120) -> subprocess.CompletedProcess[str]:
    """`python -m` these words; what it prints is in `stdout` and `stderr`."""
    return alone(*words, seconds=seconds, **stack.person())


def alone(*words: str, seconds: float, **variables: str) -> subprocess.CompletedProcess[str]:
    """The same with no system but its own; `variables` are added to its environment."""
    outer = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    return subprocess.run(
        [sys.executable, "-m", *words],
        stdin=subprocess.DEVNULL,
        env={**outer, **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds,
    )
