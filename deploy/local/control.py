"""One running system for programs: its parts, and what one does to them. Used by `./demae` and the tests."""

import os
import signal
from dataclasses import dataclass

from local import system
from local.parts import Part, table
from local.supervise import State, Supervisor
from runtime import layout
from runtime.errors import NotUpError


@dataclass(frozen=True)
class Running:
    """A part and what the supervisor says of it."""

    part: Part
    state: State


class Control:
    """Every method raises NotUpError when the system is not up, and KeyError for a name that is not there."""

    def __init__(self, known: system.System) -> None:
        self.system = known
        self._supervisor = Supervisor(known)

    def running(self) -> dict[str, Running]:
        """All parts by name, in the order of starting."""
        states = self._states()
        return {part.name: Running(part, states[part.name]) for part in table(self.system) if part.name in states}

    def kill(self, name: str) -> None:
        """Signal 9 to the process and its children; the supervisor starts it again."""
        state = self._states()[name]
        if state.pid:
            # Every part leads a process group; Postgres's children each lead one, and end with it by themselves.
            os.killpg(state.pid, signal.SIGKILL)

    def signal(self, name: str, number: signal.Signals) -> None:
        """Any other signal, to the process alone."""
        if state := self._states()[name].pid:
            os.kill(state, number)

    def stop(self, name: str) -> None:
        """Ends it, and leaves it so."""
        self._known(name)
        self._supervisor.stop(name)

    def start(self, name: str) -> None:
        """Returns when it has begun, not when it is ready."""
        self._known(name)
        self._supervisor.start(name)

    def _known(self, name: str) -> None:
        self._states()[name]

    def _states(self) -> dict[str, State]:
        if not self._supervisor.alive():
            raise NotUpError("demae is not up: `make up` starts it.")
        return self._supervisor.states()


def here() -> Control:
    """The system of the environment (DEMAE_STATE, DEMAE_PORT_OFFSET), else of this checkout. Raises NotUpError."""
    where = layout.from_environment()
    if not where.state.exists():
        raise NotUpError("demae was never up here: `make up` starts it.")
    return Control(system.load(where))
