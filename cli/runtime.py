"""The runtime of the system that DEMAE_STATE names, or that of this checkout."""

from cli.containers import ContainerRuntime, refusals
from cli.local import LocalRuntime
from cli.prerequisites import Finding, for_containers, for_processes
from cli.processes import Runtime
from containers import system
from containers.engine import Engine, EngineError
from runtime import layout
from runtime.choose import COMPOSE, remembered


def here() -> Runtime:
    """As the last `make up` made it."""
    where = layout.from_environment()
    name = remembered(where.state)
    if name == COMPOSE:
        with refusals():
            return ContainerRuntime(system.load(where))
    return LocalRuntime() if name else Nowhere()


class Nowhere(LocalRuntime):
    """Where nothing was ever up, which every method but one says."""

    def prerequisites(self) -> list[Finding]:
        """Of the runtime that `make up` would take."""
        return for_containers() if _engine() else for_processes()


def _engine() -> bool:
    """Whether there is one, also one that keeps this person out: that is a finding."""
    try:
        return Engine().answers()
    except EngineError:
        return True
