"""What a new system begins with: a service that has a `seed.py` is asked, `python -m NAME seed`; again does no harm."""

import os
import subprocess
import sys
from collections.abc import Callable

from local.discovery import Process
from local.errors import LocalError
from local.parts import environment
from local.system import System


def sow(system: System, tell: Callable[[str], None]) -> None:
    """Runs every service's seed. Raises LocalError with what it said when one fails."""
    for name, process in _offering(system).items():
        words = [sys.executable, "-m", name, "seed"]
        variables = {**os.environ, **environment(system, process), "DEMAE_MARK": system.mark}
        done = subprocess.run(words, env=variables, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise LocalError(f"The seed of {name} failed:\n{(done.stdout + done.stderr)[-2000:]}")
        tell(f"seeded {name}")


def _offering(system: System) -> dict[str, Process]:
    """Service → one of its processes, whose environment the seed shares."""
    services = system.layout.root / "services"
    return {p.module: p for p in system.processes if p.service and (services / p.module / "seed.py").exists()}
