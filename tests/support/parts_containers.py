"""Parts as containers, by testcontainers: what deploy/compose.yaml says of them, one by one."""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import psycopg

from containers import base_images, compose
from ground import container_runs, ownership, ports
from ground.compose import Project
from ground.waiting import until
from runtime.layout import ROOT
from tests.support.parts import PASSWORD, Parts

from testcontainers.core.container import DockerContainer  # isort: skip
from testcontainers.core.network import Network  # isort: skip

# The port inside, for the host.
PORTS = {"postgres": 5432, "kafka": 29092, "connect": 8083}
START_SECONDS = 60.0


@dataclass
class ContainerParts(Parts):
    """In a network of their own, under the names that they have in compose."""

    network: Network
    settings: Mapping[str, str]
    home: Path
    stack: ExitStack
    published: Mapping[str, int] = field(default_factory=lambda: {name: ports.free_port() for name in PORTS})
    made: dict[str, DockerContainer] = field(default_factory=dict)

    @property
    def kafka(self) -> str:
        return f"127.0.0.1:{self.published['kafka']}"

    @property
    def connect_url(self) -> str:
        return f"http://127.0.0.1:{self.published['connect']}"

    @property
    def database_for_connect(self) -> tuple[str, int]:
        return "postgres", PORTS["postgres"]

    def database_url(self, role: str = "postgres", database: str = "postgres", password: str = PASSWORD) -> str:
        return f"postgresql://{role}:{password}@127.0.0.1:{self.published['postgres']}/{database}"

    def start(self, name: str) -> None:
        if name in self.made:
            self.made[name].get_wrapped_container().start()
        else:
            self.made[name] = self._new(name)
            self.stack.callback(self.made[name].stop)
            self.made[name].start()
        if name == "postgres":
            until(self._answers, START_SECONDS, "Postgres")

    def kill(self, name: str) -> None:
        self.made[name].get_wrapped_container().kill()
        self.made[name].wait()

    def freeze(self, name: str) -> None:
        self.made[name].get_wrapped_container().pause()

    def thaw(self, name: str) -> None:
        self.made[name].get_wrapped_container().unpause()

    def _new(self, name: str) -> DockerContainer:
        said = self._compose[name]
        environment, command = dict(said["environment"]), list(said.get("command") or [])
        if name == "postgres":
            del environment["POSTGRES_PASSWORD_FILE"]
            environment["POSTGRES_PASSWORD"] = PASSWORD
            command += [f"-c{key}={value}" for key, value in self.settings.items()]
        container = DockerContainer(said["image"], env=environment, network=self.network, network_aliases=[name])
        # On 127.0.0.1 only. The port is chosen here: the broker must tell it, and it stays over a new start.
        container.ports[str(PORTS[name])] = cast(int, ("127.0.0.1", self.published[name]))
        container.tmpfs = {path: options for path, _, options in (one.partition(":") for one in said["tmpfs"])}
        container.with_kwargs(user=said.get("user"), labels=container_runs.labels())
        return container.with_command(command) if command else container

    @cached_property
    def _compose(self) -> dict[str, Any]:
        variables = {
            **base_images.overrides(ROOT),
            "DEMAE_SECRETS": str(self.home),
            "DEMAE_KAFKA_PORT": str(self.published["kafka"]),
        }
        project = Project(ROOT, str(ROOT / "deploy" / compose.COMPOSE), variables=variables)
        return dict(json.loads(project.call("config", "--format", "json"))["services"])

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.database_url(), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


@contextmanager
def container_parts(settings: Mapping[str, str]) -> Iterator[ContainerParts]:
    """As `own_parts` says."""
    ownership.sweep()
    container_runs.sweep()
    with ExitStack() as stack:
        home = ownership.folder()
        stack.callback(shutil.rmtree, home, ignore_errors=True)
        network = stack.enter_context(Network(docker_network_kw={"labels": container_runs.labels()}))
        yield ContainerParts(network, settings, home, stack)
