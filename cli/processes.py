"""The processes of the running system, by the runtime that started them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from cli.errors import CommandError
from cli.health import Health
from cli.prerequisites import Finding


@dataclass(frozen=True)
class Part:
    """One process. `state` is the runtime's word in capitals; `extra`: it runs only when somebody starts it."""

    name: str
    state: str
    pid: int | None = None
    extra: bool = False

    @property
    def running(self) -> bool:
        """True while the process is there."""
        return self.state == "RUNNING" and self.pid is not None


class Runtime(Protocol):
    """What the commands need of a runtime. Every method raises CommandError when the system is not up."""

    def parts(self) -> list[Part]:
        """Every process, in the order of starting."""

    def health(self, parts: Sequence[Part]) -> Mapping[str, Health]:
        """What these say about themselves; those that say nothing, or do not run, are left out. Waits 2 s at most."""

    def prerequisites(self) -> list[Finding]:
        """What the machine must bring for this runtime, present or not."""

    def kill(self, name: str) -> None:
        """Signal 9 to the process; the runtime starts it again."""

    def stop(self, name: str) -> None:
        """End it in order, and leave it so."""

    def start(self, name: str) -> None:
        """Start it, if it does not run. Returns when it has begun, not when it is ready."""


def find(runtime: Runtime, name: str) -> Part:
    """The part called `name`; CommandError listing the names there are."""
    parts = {part.name: part for part in runtime.parts()}
    if name not in parts:
        raise CommandError(f"There is no process {name!r}: there are {', '.join(parts)}.")
    return parts[name]


def kill(runtime: Runtime, name: str) -> str:
    """Kill one process; what to tell the person."""
    part = find(runtime, name)
    if not part.running:
        raise CommandError(f"{name} does not run (it is {part.state}): `./demae start {name}` starts it.")
    runtime.kill(name)
    return f"{name} (process {part.pid}) is killed. Its supervisor starts it again; nothing that was accepted is lost."


def stop(runtime: Runtime, name: str) -> str:
    """Stop one process; what to tell the person."""
    part = find(runtime, name)
    if not part.running:
        return f"{name} does not run."
    runtime.stop(name)
    return f"{name} is stopped, and stays so: `./demae start {name}` starts it."


def start(runtime: Runtime, name: str) -> str:
    """Start one process; what to tell the person."""
    part = find(runtime, name)
    if part.running:
        return f"{name} runs already (process {part.pid})."
    runtime.start(name)
    return f"{name} is started."
