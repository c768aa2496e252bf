"""Parts as local processes: the same programs and settings as `make up RUNTIME=local` has."""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from string import Template

from ground import ownership, ports
from local import fetch, java, postgres
from runtime import layout
from tests.support.parts import PASSWORD, Parts

DEPLOY = layout.ROOT / "deploy"
CLUSTER_ID = "demae-of-the-tests-id"
Command = tuple[list[str], Mapping[str, str]]


@dataclass
class ProcessParts(Parts):
    """In one folder, each with a log of its name."""

    home: Path
    cluster: postgres.Cluster
    kafka_port: int = field(default_factory=ports.free_port)
    connect_port: int = field(default_factory=ports.free_port)
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def kafka(self) -> str:
        return f"127.0.0.1:{self.kafka_port}"

    @property
    def connect_url(self) -> str:
        return f"http://127.0.0.1:{self.connect_port}"

    @property
    def database_for_connect(self) -> tuple[str, int]:
        return "127.0.0.1", self.cluster.port

    def database_url(self, role: str = "postgres", database: str = "postgres", password: str = PASSWORD) -> str:
        return self.cluster.url(role, database, password)

    def start(self, name: str) -> None:
        log = self.home / f"{name}.log"
        if name == "postgres":
            postgres.initialise(self.cluster)
            self.running[name] = postgres.start(self.cluster, log, ownership.mark())
        else:
            command, environment = COMMANDS[name](self)
            self.running[name] = launch(command, environment, log)

    def kill(self, name: str) -> None:
        end(self.running.pop(name))

    def freeze(self, name: str) -> None:
        self.running[name].send_signal(signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        self.running[name].send_signal(signal.SIGCONT)

    def end(self) -> None:
        """Those who use Postgres before it."""
        server = self.running.pop("postgres", None)
        for name in list(self.running):
            self.kill(name)
        if server is not None:
            postgres.stop(server)


@contextmanager
def process_parts(settings: Mapping[str, str]) -> Iterator[ProcessParts]:
    """As `own_parts` says."""
    ownership.sweep()
    home = ownership.folder()
    parts = ProcessParts(home, postgres.Cluster(home / "data", ports.free_port(), PASSWORD, settings))
    try:
        yield parts
    finally:
        parts.end()
        shutil.rmtree(home, ignore_errors=True)


def launch(command: list[str], environment: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    """A process that carries the run's name; its output is appended to `log`."""
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, **ownership.mark(), **environment},
            start_new_session=True,
        )


def end(process: subprocess.Popen[bytes]) -> None:
    """kill -9, and wait for the end."""
    process.kill()
    process.wait()


def _broker(parts: ProcessParts) -> Command:
    file = parts.home / "broker.properties"
    values = {"port": parts.kafka_port, "controller": ports.free_port(), "data": parts.home / "kafka"}
    if not file.exists():
        file.write_text(Template((DEPLOY / "local" / "broker.properties").read_text()).substitute(values))
        tool = [*java.command(_jars(), java.TOOL), "kafka.tools.StorageTool", "format", "-t", CLUSTER_ID]
        subprocess.run([*tool, "-c", str(file)], stdin=subprocess.DEVNULL, capture_output=True, check=True)
    return [*_java(parts, java.BROKER), "kafka.Kafka", str(file)], java.ENVIRONMENT


def _connect(parts: ProcessParts) -> Command:
    file = parts.home / "connect.properties"
    values = {"kafka": parts.kafka, "host": "127.0.0.1", "port": parts.connect_port, "replicas": 1}
    file.write_text(Template((DEPLOY / "connect" / "worker.properties").read_text()).substitute(values))
    main = "org.apache.kafka.connect.cli.ConnectDistributed"
    return [*_java(parts, java.CONNECT), main, str(file)], java.ENVIRONMENT


def _java(parts: ProcessParts, options: tuple[str, ...]) -> list[str]:
    # These runs are short: the second compiler would never pay for itself.
    quiet = f"-Dlog4j2.configurationFile={(DEPLOY / 'connect' / 'log4j2.yaml').as_uri()}"
    return java.command(_jars(), (*options, "-XX:TieredStopAtLevel=1", quiet), parts.home)


def _jars() -> Path:
    where = layout.from_environment()
    fetch.fetch(where)
    return fetch.where(where).jars


COMMANDS: Mapping[str, Callable[[ProcessParts], Command]] = {"kafka": _broker, "connect": _connect}
