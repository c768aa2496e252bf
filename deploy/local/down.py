"""`make down` and `make clean`: nothing of the system stays behind, whatever happened to its supervisor."""

import psutil

from local.parts import SERVICE, table
from local.supervise import STOP_SECONDS, Supervisor, supervisor_process
from local.sweep import sweep
from local.system import System
from runtime import layout
from runtime.exclusive import exclusive


@exclusive
def down(system: System) -> None:
    """Stops everything and keeps the data."""
    _down(system)


@exclusive
def clean(system: System) -> None:
    """Stops everything and forgets the data; what Maven fetched stays."""
    _down(system)
    layout.forget(system.layout)
    print("Its data is forgotten.")


def _down(system: System) -> None:
    supervisor = Supervisor(system)
    if supervisor.alive():
        _stop_in_order(system, supervisor)
    swept = sweep(system.mark)
    left = f" (also swept: {', '.join(swept)})" if swept else ""
    print(f"demae is down; its data is kept in {system.layout.state}{left}.")


def _stop_in_order(system: System, supervisor: Supervisor) -> None:
    """Those who use a thing before the thing: nobody spends its last second on reconnecting."""
    parts = table(system)
    supervisor.stop_all({part.name for part in parts if part.stage == SERVICE or part.name == "connect"})
    supervisor.stop_all({part.name for part in parts})
    keeper = supervisor_process(system)
    supervisor.shutdown()
    if keeper:
        psutil.wait_procs([keeper], timeout=STOP_SECONDS)
