"""Our own programs, run as a person of a system runs them."""

import os
import subprocess
import sys

from ground.stack import Stack

# Of the surroundings: what would lead a program to another system.
OURS = ("DEMAE_", "RUNTIME", "JWT_SECRET")


def run(stack: Stack, *words: str, seconds: float = 120) -> subprocess.CompletedProcess[str]:
    """`python -m` these words; what it prints is in `stdout` and `stderr`."""
    outer = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    environment = {**outer, **stack.person()}
    command = [sys.executable, "-m", *words]
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds,
    )
