"""No order of starting: every service before everything that it needs, and none of them ends."""

import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from ground import ownership
from ground.ports import free_port
from ground.waiting import until
from runtime.discovery import Process, processes
from tests.support.databases import ROOT
from tests.support.parts import Parts, own_parts

SERVICES = [process for process in processes(ROOT) if process.service]
WITHOUT_BROKER = {"api-projector"}  # which waits: the log may know more than its tables
WITHOUT_CONNECT = {"keeper"}  # whose readiness is a tick that went round through Connect


@pytest.fixture
def parts() -> Iterator[Parts]:
    """Servers that do not run yet; their addresses are known."""
    with own_parts() as own:
        yield own


def variables(parts: Parts, process: Process, health: int) -> dict[str, str]:
    """All that any service asks for."""
    folders = ("chassis/src", "services", "deploy")
    return {
        **os.environ,
        **ownership.mark(),
        "PYTHONPATH": os.pathsep.join(str(ROOT / path) for path in folders),
        "DATABASE_URL": parts.database_url(process.module, "demae"),
        "KAFKA_BOOTSTRAP": parts.kafka,
        "HEALTH_HOST": "127.0.0.1",
        "HEALTH_PORT": str(health),
        "HTTP_HOST": "127.0.0.1",
        "HTTP_PORT": str(free_port()),
        "JWT_SECRET": "s" * 32,
        "PROVIDER_URL": "http://127.0.0.1:1",
        "PROVIDER_KEY": "sk_test",
        "CONNECT_URL": "http://127.0.0.1:1",
        "CDC_DATABASE_HOST": "127.0.0.1",
        "CDC_DATABASE_PASSWORD": "test",
        "ADMIN_DATABASE_URL": parts.database_url(),
        "DB_PASSWORD": "test",
    }


def test_no_service_dies_of_what_comes_later(parts: Parts, tmp_path: Path) -> None:
    """Services first, then the database, its tables, the broker, its topics: the same processes get ready."""
    health = {process.name: free_port() for process in SERVICES}
    with ExitStack() as stack:
        running = {p.name: start(stack, p, variables(parts, p, health[p.name]), tmp_path) for p in SERVICES}
        until(lambda: all(status(port, "live") == 200 for port in health.values()), 60, "all are alive")
        assert {status(port, "ready") for port in health.values()} == {503}
        parts.start("postgres")
        making = start(stack, Process("bootstrap", "bootstrap", ("once",)), variables(parts, SERVICES[0], 0), tmp_path)
        on = running.keys() - WITHOUT_BROKER
        until(lambda: all(went_on(tmp_path / name) for name in on), 60, "all have their tables, and no broker")
        parts.start("kafka")
        assert making.wait(60) == 0
        awaited = {name: port for name, port in health.items() if name not in WITHOUT_CONNECT}
        until(lambda: {n for n, port in awaited.items() if status(port, "ready") != 200} == set(), 90, "all are ready")
        assert {name: process.poll() for name, process in running.items()} == dict.fromkeys(running)


def start(stack: ExitStack, process: Process, environment: Mapping[str, str], folder: Path) -> subprocess.Popen[bytes]:
    """Its log is a file of its name."""
    words = [sys.executable, "-m", process.module, *process.arguments]
    with (folder / process.name).open("wb") as log:
        made = stack.enter_context(subprocess.Popen(words, env=environment, stdout=log, stderr=log))
    stack.callback(made.kill)
    return made


def went_on(log: Path) -> bool:
    """It does not wait any more."""
    return '"event_key": "process.started"' in log.read_text()


def status(port: int, path: str) -> int:
    """0 while nobody listens."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except OSError:
        return 0
