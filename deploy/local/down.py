"""`make down` and `make clean`: nothing of the system stays behind, whatever happened to its supervisor."""

import shutil
import time

from local.parts import CAPTURE, SERVICE, table
from local.supervise import Supervisor
from local.sweep import sweep
from local.system import System

STOP_SECONDS = 30.0


def down(system: System) -> None:
    """Stops everything and keeps the data."""
    supervisor = Supervisor(system)
    if supervisor.alive():
        _stop_in_order(system, supervisor)
    swept = sweep(system.mark)
    left = f" (also swept: {', '.join(swept)})" if swept else ""
    print(f"demae is down; its data is kept in {system.layout.state}{left}.")


def clean(system: System) -> None:
    """Stops everything and forgets the data; what Maven fetched stays."""
    down(system)
    for path in system.layout.state.iterdir():
        if path != system.layout.downloads:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    print("Its data is forgotten.")


def _stop_in_order(system: System, supervisor: Supervisor) -> None:
    """Those who use a thing before the thing: nobody spends its last second on reconnecting."""
    parts = table(system)
    for stages in ((SERVICE, CAPTURE), ()):
        chosen = {part.name for part in parts if not stages or part.stage in stages}
        _stop(supervisor, chosen)
    supervisor.shutdown()
    deadline = time.monotonic() + STOP_SECONDS
    while supervisor.alive() and time.monotonic() < deadline:
        time.sleep(0.05)


def _stop(supervisor: Supervisor, names: set[str]) -> None:
    known = supervisor.states()
    for name in names & known.keys():
        supervisor.stop(name, wait=False)
    deadline = time.monotonic() + STOP_SECONDS
    while time.monotonic() < deadline:
        if not any(state.pid for name, state in supervisor.states().items() if name in names):
            return
        time.sleep(0.05)
