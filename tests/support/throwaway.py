"""Containers of one test, by docker's command line: as a person would run them, gone at its end, also after a crash."""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from containers.engine import Engine, Said, run
from ground import container_runs
from ground.waiting import until

ENGINE = Engine()
# As compose and Kubernetes run what is ours.
HARDENED = ("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--tmpfs", "/tmp")
START_SECONDS = 60.0


def options() -> list[str]:
    """For whatever is started or made on the engine: the run's label."""
    return [word for name, value in container_runs.labels().items() for word in ("--label", f"{name}={value}")]


def docker(*words: str) -> Said:
    """For commands whose errors are those of a program inside, and not the engine's."""
    return run(["docker", *words], None, None, None)


def once(image: str, *words: str, more: Sequence[str] = ()) -> Said:
    """Runs a container to its end."""
    return docker("run", "--rm", *options(), *more, image, *words)


class Running:
    """A container that was started."""

    def __init__(self, name: str) -> None:
        self.name = name

    def logs(self) -> str:
        said = docker("logs", self.name)
        return said.out + said.err

    def run(self, *words: str, more: Sequence[str] = ()) -> Said:
        """A command inside."""
        return docker("exec", *more, self.name, *words)

    def says(self, text: str) -> None:
        """Waits until its log has the text; fails when it ends before."""
        until(lambda: text in self.logs() or not self.state()["Running"], START_SECONDS, f"{text!r} in the log")
        assert text in self.logs(), self.logs()[-2000:]

    def does(self, *words: str) -> str:
        """Waits until a command inside succeeds; -> what it printed."""
        said: list[Said] = []

        def succeeds() -> bool:
            said.append(self.run(*words))
            return said[-1].code == 0

        until(succeeds, START_SECONDS, f"{' '.join(words)} in the container")
        return said[-1].out

    def answers(self, port: int, path: str) -> None:
        """Waits until there is an HTTP answer, asked from inside, by the means of the image."""
        line = f"exec 3<>/dev/tcp/127.0.0.1/{port} && printf 'GET {path} HTTP/1.0\\r\\n\\r\\n' >&3 && read -r line <&3"
        asking = ("bash", "-c", f"{line} && [[ $line == *' 200 '* ]]")
        until(lambda: self.run(*asking).code == 0 or not self.state()["Running"], START_SECONDS, f"{path} on {port}")
        assert self.state()["Running"], self.logs()[-2000:]

    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = ENGINE.inspect("container", [self.name])[0]["State"]
        return found

    def stop(self) -> tuple[int, float]:
        """As `docker stop` does; -> exit code and seconds."""
        began = time.monotonic()
        ENGINE.ask("stop", "--time", "30", self.name)
        return self.state()["ExitCode"], time.monotonic() - began


@contextmanager
def started(image: str, *words: str, more: Sequence[str] = ()) -> Iterator[Running]:
    """A container in the background."""
    name = ENGINE.ask("run", "--detach", *options(), *more, image, *words).strip()
    try:
        yield Running(name)
    finally:
        ENGINE.attempt("rm", "--force", "--volumes", name)


@contextmanager
def network(name: str) -> Iterator[str]:
    """A network of the run's own."""
    full = f"{container_runs.run_name()}-{name}"
    ENGINE.ask("network", "create", *options(), full)
    try:
        yield full
    finally:
        ENGINE.attempt("network", "rm", full)


def described(image: str) -> dict[str, Any]:
    """`docker image inspect`."""
    found: dict[str, Any] = ENGINE.inspect("image", [image])[0]
    return found


def environment(**values: object) -> list[str]:
    """Variables as options of `docker run`."""
    return [word for name, value in values.items() for word in ("--env", f"{name}={value}")]


def python(image: str, source: str) -> Any:
    """What a program prints as JSON, run inside as the image's own user."""
    said = once(image, "-c", source, more=[*HARDENED, "--entrypoint", "python"])
    assert said.code == 0, said.err
    return json.loads(said.out)
