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
    print(f"demae is down{_down(system)}; its data is kept in {system.layout.state}.")


@exclusive
def clean(system: System) -> None:
    """Stops everything and forgets the data; what Maven fetched stays."""
    swept = _down(system)
    layout.forget(system.layout)
    print(f"demae is down{swept}. Its data is forgotten.")


def _down(system: System) -> str:
    """-> in brackets, which processes its supervisor had left behind."""
    supervisor = Supervisor(system)
    if supervisor.alive():
        _stop_in_order(system, supervisor)
    swept = sweep(system.mark)
    return f" (also swept: {', '.join(swept)})" if swept else ""


def _stop_in_order(system: System, supervisor: Supervisor) -> None:
    """Those who use a thing before the thing: nobody spends its last second on reconnecting."""
    parts = table(system)
    supervisor.stop_all({part.name for part in parts if part.stage == SERVICE or part.name == "connect"})
    supervisor.stop_all({part.name for part in parts})
    keeper = supervisor_process(system)
    supervisor.shutdown()
    if keeper:
        psutil.wait_procs([keeper], timeout=STOP_SECONDS)
