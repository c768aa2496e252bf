"""One running system of containers for programs: what one does to its parts. Used by `./demae` and the tests."""

from collections.abc import Mapping, Sequence

from containers import compose, probe
from containers.observe import Container, containers
from containers.system import System
from runtime.errors import NotUpError


class Control:
    """Every method raises NotUpError when nothing is there, KeyError for a name that is not, and what Engine raises."""

    def __init__(self, known: System) -> None:
        self.system = known

    def containers(self) -> dict[str, Container]:
        """All parts by name, in the order of starting; those on demand only while they are there."""
        found = containers(self.system)
        if not found:
            raise NotUpError("demae is not up: `make up` starts it.")
        return {name: found[name] for name in self.system.names if name in found}

    def ready(self, names: Sequence[str]) -> dict[str, str | None]:
        """Name → why it is not ready; None when it is."""
        return probe.why_not(self.system, self.containers(), names)

    def ask(self, names: Sequence[str], *paths: str) -> Mapping[tuple[str, str], probe.Answer]:
        """(Name, path of its health server) → the answer, for those that run."""
        there = self.containers()
        running = [name for name in names if name in there and there[name].running]
        return probe.ask(self.system, there.values(), [probe.question(n, path) for n in running for path in paths])

    def kill(self, name: str) -> None:
        """Signal 9 to its first process; the restart policy starts it again.

        By a neighbour in the engine's own process namespace: `docker kill` would count as a person's wish, after which
        nobody starts it again, and the engine may live on another machine.
        """
        one = self.containers()[name]
        alone = ["--rm", "--network", "none", "--user", "0", "--cap-drop", "ALL", "--cap-add", "KILL", "--pid", "host"]
        words = ["--pull", "never", "--read-only", "--entrypoint", "sh", one.image, "-c", f"kill -9 {one.pid}"]
        if one.pid:
            self.system.engine.ask("run", *alone, *words)

    def pause(self, name: str) -> None:
        """Freezes it, as SIGSTOP would."""
        self.system.engine.ask("pause", self.containers()[name].id)

    def resume(self, name: str) -> None:
        """Lets a frozen one go on."""
        self.system.engine.ask("unpause", self.containers()[name].id)

    def stop(self, name: str) -> None:
        """Ends it, and leaves it so."""
        self.system.engine.ask("stop", self.containers()[name].id)

    def start(self, name: str) -> None:
        """Returns when it has begun, not when it is ready."""
        if name in self.containers():
            self.system.engine.ask("start", self.containers()[name].id)
        elif name in self.system.names:
            compose.ask(self.system, "--profile", "*", "up", "--detach", "--no-build", "--no-deps", name)
        else:
            raise KeyError(name)

    def logs(self, name: str) -> str:
        """All that it printed."""
        said = self.system.engine.attempt("logs", self.containers()[name].id)
        return said.out + said.err
