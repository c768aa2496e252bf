"""What a new system begins with: a service that has a `seed.py` is asked, `python -m NAME seed`; again does no harm."""

import os
import subprocess
import sys
from collections.abc import Callable

from local.parts import environment
from local.system import System
from runtime.errors import Refusal
from runtime.system import seeds


def sow(system: System, tell: Callable[[str], None]) -> None:
    """Runs every service's seed. Raises Refusal with what it said when one fails."""
    for name, process in seeds(system).items():
        words = [sys.executable, "-m", name, "seed"]
        variables = {**os.environ, **environment(system, process), "DEMAE_MARK": system.mark}
        done = subprocess.run(words, env=variables, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Refusal(f"The seed of {name} failed:\n{(done.stdout + done.stderr)[-2000:]}")
        tell(f"seeded {name}")
