"""The stack of containers: deploy/compose.yaml with its open layer, as a project of the run, through testcontainers."""

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from containers import compose as variables
from containers import images, secrets, system, up
from containers.control import Control
from containers.observe import PROJECT
from ground import container_runs, ownership, ports
from ground.compose import ComposeError, Project
from ground.failure import sections
from ground.stack import ABILITIES, Stack
from ground.waiting import until
from runtime import layout
from runtime.person import introduce, person

READY_SECONDS = 120.0
PROVIDER_LOG = "/var/lib/provider/log.jsonl"
TAKEN = ("port is already allocated", "address already in use")


@dataclass
class ComposeStack(Stack):
    """Containers of this checkout's images."""

    control: Control
    project: Project

    @property
    def known(self) -> system.System:
        return self.control.system

    @property
    def abilities(self) -> frozenset[str]:
        return ABILITIES

    @property
    def url(self) -> str:
        return self.known.url

    @property
    def ws_url(self) -> str:
        return self.known.ws_url

    @property
    def kafka_bootstrap(self) -> str:
        return self.known.kafka

    @property
    def connect_url(self) -> str:
        return self.known.connect_url

    @property
    def jwt_secret(self) -> str:
        return self.known.keys.jwt

    @property
    def provider_log(self) -> Path:
        copy = self.known.layout.state / "provider.jsonl"
        self.project.call("cp", f"provider:{PROVIDER_LOG}", str(copy))
        return copy

    @property
    def provider_url(self) -> str:
        return self.known.provider_url

    @property
    def provider_key(self) -> str:
        return self.known.keys.provider

    def person(self) -> Mapping[str, str]:
        return {**person(self.known), "PYTHONPATH": self.known.layout.python_path}

    def database_url(self, role: str = "verify") -> str:
        return self.known.database_url(role)

    def processes(self) -> list[str]:
        return self.known.wanted()

    def kill(self, process: str) -> None:
        before = self.incarnation(process)
        self.control.kill(process)
        until(lambda: self.incarnation(process) != before, 10, f"the end of {process}")

    def pause(self, process: str) -> None:
        self.control.pause(process)

    def resume(self, process: str) -> None:
        self.control.resume(process)

    def stop(self, process: str) -> None:
        self.control.stop(process)

    def start(self, process: str) -> None:
        self.control.start(process)

    def wait_ready(self, *processes: str) -> None:
        names, deadline = processes or tuple(self.processes()), time.monotonic() + READY_SECONDS
        while waiting := {name: why for name, why in self.control.ready(names).items() if why}:
            if time.monotonic() > deadline:
                raise AssertionError("\n".join(f"{name}: {why}\n{self._tail(name)}" for name, why in waiting.items()))
            time.sleep(0.1)

    def incarnation(self, process: str) -> str:
        state = self.inspected(process)["State"]
        return str(state["StartedAt"]) if state["Pid"] else ""

    def environment(self, process: str) -> Mapping[str, str]:
        # A name alone is a variable that was to be handed through and is not set.
        return dict(line.split("=", 1) for line in self.inspected(process)["Config"]["Env"] if "=" in line)

    def metrics(self, process: str) -> str:
        return self.control.ask([process], "/metrics")[process, "/metrics"].body

    def log_ends(self) -> Mapping[str, float]:
        return dict.fromkeys(self.processes(), time.time())

    def logs(self, process: str, since: float = 0.0) -> str:
        with container_runs.engine() as api:
            raw: bytes = api.logs(self.inspected(process)["Id"], since=since or None)
        return raw.decode(errors="replace")

    @contextmanager
    def settings(self, **variables: str) -> Iterator[None]:
        before = self.known
        self._become(replace(before, settings={**before.settings, **variables}))
        try:
            yield
        finally:
            self._become(before)

    def inspected(self, process: str) -> dict[str, Any]:
        """What the engine knows of its container, running or not."""
        [found] = self.known.engine.inspect("container", [self.control.containers()[process].id])
        return dict(found)

    def up_again(self) -> None:
        """Compose makes those anew whose variables are others now, and waits until all are healthy."""
        # One that was frozen counts as unhealthy until its next health check: compose would not wait for that.
        until(lambda: not self._unhealthy(), 60, "the next health check")
        self.project.start()

    def _become(self, wanted: system.System) -> None:
        self.control = Control(wanted)
        self.project.variables = _variables(wanted)
        self.up_again()

    def _unhealthy(self) -> str:
        label = f"label={PROJECT}={self.known.project}"
        return self.known.engine.ask("ps", "--quiet", "--filter", label, "--filter", "health=unhealthy")

    def _tail(self, process: str) -> str:
        return "\n".join(self.logs(process).splitlines()[-15:])


def build(tell: Callable[[str], None]) -> None:
    """The images of what is in the checkout now. Raises Refusal."""
    images.ensure(layout.ROOT, tell)
    container_runs.pin(images.tag(image.name) for image in images.images(layout.ROOT))


@contextmanager
def compose_stack(**settings: str) -> Iterator[ComposeStack]:
    """A system of one's own, with `settings` for its services; gone with its data at the end."""
    ownership.sweep()
    container_runs.sweep()
    home = ownership.folder()
    try:
        stack = _start(home / "state", settings)
        up.sow(stack.known, stack.control.containers())
        yield stack
    finally:
        container_runs.remove(container_runs.run_name())
        shutil.rmtree(home, ignore_errors=True)


def _start(state: Path, settings: Mapping[str, str]) -> ComposeStack:
    for offset in ports.free_offsets():
        known = _written(layout.Layout(layout.ROOT, state, layout.ROOT / ".run" / "downloads", offset), settings)
        files = [str(layout.ROOT / "deploy" / name) for name in (variables.COMPOSE, variables.OPEN)]
        project = Project(layout.ROOT, files, services=known.wanted(), variables=_variables(known))
        stack = ComposeStack(Control(known), project)
        try:
            project.start()
        except ComposeError as failed:
            if not any(words in str(failed) for words in TAKEN):
                raise ComposeError(f"{failed}\n{_evidence(stack)}") from None
            container_runs.remove(project.name)  # another run was faster
        else:
            return stack
    raise RuntimeError("no free range of ports for a system of the tests")


def _variables(known: system.System) -> dict[str, str]:
    return {**variables.environment(known), "DEMAE_TAG": container_runs.run_name()}


def _evidence(stack: ComposeStack) -> str:
    """What a system that did not start leaves for a person: it is removed at once."""
    return "\n".join(f"── {heading}\n{text}" for heading, text in sections("start", stack, {}))


def _written(where: layout.Layout, settings: Mapping[str, str]) -> system.System:
    """Everything that compose, and a person's programs, read."""
    where.make()
    known = system.load(where, settings, [], opened=True, project=container_runs.run_name())
    secrets.write(known)
    system.remember(known)
    introduce(known)
    variables.write_variables(known)
    return known
