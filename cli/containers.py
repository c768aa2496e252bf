"""The containers as the commands see them: the engine starts, watches and stops every process."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from cli.errors import CommandError
from cli.health import Health, health
from cli.prerequisites import Finding, for_containers
from cli.processes import Part
from containers.control import Control
from containers.observe import Container
from containers.probe import Answer, question
from containers.system import System
from runtime.errors import Refusal

READY, METRICS = "/ready", "/metrics"
STOPPED = ("created", "exited", "dead")


class ContainerRuntime:
    """`processes.Runtime` of `deploy/containers`."""

    def __init__(self, known: System) -> None:
        self._control = Control(known)

    def parts(self) -> list[Part]:
        with refusals():
            found = self._control.containers()
        extra = {process.name for process in self._control.system.processes if not process.autostart}
        return [described(name, found.get(name), name in extra) for name in self._control.system.names]

    def health(self, parts: Sequence[Part]) -> dict[str, Health]:
        names = [part.name for part in parts if part.running and not part.extra]
        with refusals():
            answers = self._control.ask(names, READY, METRICS)
        return {name: said(name, answers) for name in names}

    def prerequisites(self) -> list[Finding]:
        return for_containers()

    def kill(self, name: str) -> None:
        with refusals():
            self._control.kill(name)

    def stop(self, name: str) -> None:
        with refusals():
            self._control.stop(name)

    def start(self, name: str) -> None:
        with refusals():
            self._control.start(name)


def described(name: str, one: Container | None, extra: bool) -> Part:
    """What the commands need of it."""
    word = "stopped" if one is None or one.status in STOPPED else one.status
    return Part(name, word.upper(), one.pid or None if one else None, extra)


def said(name: str, answers: Mapping[tuple[str, str], Answer]) -> Health:
    """Its own word, or that there was none."""
    ready = answers.get((name, question(name, READY)[2]), Answer(0))
    metrics = answers.get((name, METRICS), Answer(0))
    if not ready.status:
        return Health(False, ("no answer inside the network",))
    return health((ready.status, ready.body), (metrics.status, metrics.body))


@contextmanager
def refusals() -> Iterator[None]:
    """What the engine refuses, as a sentence of this command."""
    try:
        yield
    except Refusal as refused:
        raise CommandError(str(refused)) from refused
