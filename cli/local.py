"""The local runtime as the commands see it: its supervisor starts, watches and stops every process."""

from collections.abc import Iterator
from contextlib import contextmanager

from cli.errors import CommandError
from cli.processes import Part
from local import layout, parts, system
from local.supervise import Supervisor

DOWN = "The local runtime is not up: `make up` starts it."


class LocalRuntime:
    """`processes.Runtime` of `deploy/local`: the system that DEMAE_STATE names, or that of this checkout."""

    def parts(self) -> list[Part]:
        with self._supervisor() as (known, supervisor):
            states = supervisor.states()
            wanted = [part for part in parts.table(known) if part.autostart]
        found = []
        for part in wanted:
            state = states.get(part.name)
            word, pid = (state.word, state.pid or None) if state else ("ABSENT", None)
            found.append(Part(part.name, word, pid, part.health or None))
        return found

    def kill(self, name: str) -> None:
        with self._supervisor() as (_, supervisor):
            supervisor.signal(name, "KILL")

    def start(self, name: str) -> None:
        with self._supervisor() as (_, supervisor):
            supervisor.start(name)

    @contextmanager
    def _supervisor(self) -> Iterator[tuple[system.System, Supervisor]]:
        where = layout.from_environment()
        if not where.state.exists():
            raise CommandError(DOWN)
        known = system.load(where)
        supervisor = Supervisor(known)
        if not supervisor.alive():
            raise CommandError(DOWN)
        yield known, supervisor
