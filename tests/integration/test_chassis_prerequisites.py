"""A process that is started before what it needs: it waits, says for what, and dies of nothing."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from chassis.migrate import migrate
from chassis.topics import create_topics
from ground.ports import free_port
from ground.waiting import until
from tests.support.databases import ROOT, TestServer
from tests.support.worlds import running_broker

SERVICES = ROOT / "services"
WORDS = {"*": "test"}  # as every role of the run's server
TOPICS = {"orders.events": {"partitions": 2}, "couriers.events": {"partitions": 2}}


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    """The address of a broker without topics."""
    with running_broker() as process:
        yield process.bootstrap


@pytest.fixture
def database(postgres: TestServer) -> Iterator[str]:
    """The name of an empty database."""
    name = postgres.create()
    yield name
    postgres.drop(name)


@dataclass
class Program:
    """A service's process."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    def ask(self, path: str) -> tuple[int, list[str]]:
        """Status, and the reasons of /ready. 0 while nobody listens."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/{path}", timeout=5) as answer:
                return answer.status, []
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read()).get("reasons", [])
        except OSError:
            return 0, []

    def waits_for(self, words: str) -> bool:
        """Alive, not ready, and this is the reason."""
        status, reasons = self.ask("ready")
        return (status, self.ask("live")[0]) == (503, 200) and any(words in reason for reason in reasons)

    def waited(self) -> list[str]:
        """What its log said it waits for, in order."""
        lines = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
        return [line["missing"] for line in lines if line.get("event_key") == "process.waiting"]


@contextmanager
def running(tmp_path: Path, service: str, environment: Mapping[str, str], *arguments: str) -> Iterator[Program]:
    """`python -m service`, before or after what it needs."""
    port, log = free_port(), tmp_path / "log"
    variables = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(str(ROOT / path) for path in ("chassis/src", "services")),
        "HEALTH_HOST": "127.0.0.1",
        "HEALTH_PORT": str(port),
        **environment,
    }
    command = [sys.executable, "-m", service, *arguments]
    with log.open("wb") as output, subprocess.Popen(command, env=variables, stderr=output) as process:
        try:
            yield Program(process, port, log)
        finally:
            process.kill()


def of(server: TestServer, database: str, role: str, bootstrap: str) -> dict[str, str]:
    """The common variables."""
    return {"DATABASE_URL": server.url(role, database), "KAFKA_BOOTSTRAP": bootstrap}


def test_consumer_waits_for_tables_and_topics(postgres: TestServer, database: str, broker: str, tmp_path: Path) -> None:
    """Each is made under the waiting process; the same process gets ready, and its log has a line for each reason."""
    with running(tmp_path, "delivery", of(postgres, database, "delivery", broker)) as program:
        until(lambda: program.waits_for("database: "), 20, "it waits for the database")
        migrate(postgres.url(database=database), SERVICES, WORDS)
        until(lambda: program.waits_for("there is no topic couriers.events, orders.events yet"), 20, "for the topics")
        create_topics(broker, TOPICS)
        until(lambda: program.ask("ready")[0] == 200, 30, "it is ready")
        assert program.process.poll() is None
        said = program.waited()
        assert len(said) == len(set(said)) >= 2


def test_one_missing_file_is_waited_for(postgres: TestServer, database: str, tmp_path: Path) -> None:
    """A schema that an older version made is not enough: the program knows its own files. asyncio waits the same."""
    admin = postgres.url(database=database)
    migrate(admin, SERVICES, WORDS)
    missing = sorted((SERVICES / "api" / "migrations").glob("*.sql"))[-1].name
    execute(admin, "DELETE FROM api.migration WHERE name = %s", missing)
    http = {"HTTP_PORT": str(free_port()), "JWT_SECRET": "s" * 32, "HTTP_HOST": "127.0.0.1"}
    with running(tmp_path, "api", {**of(postgres, database, "api", "127.0.0.1:1"), **http}, "http") as program:
        until(lambda: program.waits_for(f"database: {missing} is not applied yet"), 20, "it waits for the file")
        execute(admin, "INSERT INTO api.migration (name, checksum) VALUES (%s, '')", missing)
        until(lambda: program.ask("ready")[0] == 200, 20, "it is ready")


def execute(url: str, statement: str, *parameters: str) -> None:
    """As a person with the administrator's rights."""
    with psycopg.connect(url, autocommit=True) as db:
        db.execute(statement.encode(), parameters)


def test_reader_waits_for_what_others_grant(postgres: TestServer, database: str, tmp_path: Path) -> None:
    """The notifier keeps nothing; it needs a view of api."""
    http = {"HTTP_PORT": str(free_port()), "JWT_SECRET": "s" * 32, "HTTP_HOST": "127.0.0.1"}
    admin = postgres.url(database=database)
    migrate(admin, SERVICES, WORDS)
    execute(admin, "ALTER VIEW api.journal_feed RENAME TO hidden")
    with running(tmp_path, "notifier", {**of(postgres, database, "notifier", "127.0.0.1:1"), **http}) as program:
        until(lambda: program.waits_for('database: relation "api.journal_feed" does not exist'), 20, "it waits")
        execute(admin, "ALTER VIEW api.hidden RENAME TO journal_feed")
        until(lambda: not program.waits_for("database: "), 20, "it goes on")
        assert program.process.poll() is None


def test_sigterm_ends_the_wait_at_once(tmp_path: Path) -> None:
    """Also while a server takes the connection and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"postgresql://delivery:x@127.0.0.1:{mute.getsockname()[1]}/demae"
        given = {"DATABASE_URL": url, "KAFKA_BOOTSTRAP": "127.0.0.1:1"}
        with running(tmp_path, "delivery", given) as program:
            until(lambda: program.waits_for("nothing has been looked at yet"), 20, "it waits")
            begin = time.monotonic()
            program.process.send_signal(signal.SIGTERM)
            assert program.process.wait(10) == 0
            assert time.monotonic() - begin < 1


def test_absent_broker_is_not_waited_for(service_database: object, postgres: TestServer, tmp_path: Path) -> None:
    """What the database holds is worked on without it; the log says so."""
    database = postgres.template
    given = of(postgres, database, "delivery", f"127.0.0.1:{free_port()}")
    with running(tmp_path, "delivery", given) as program:
        until(lambda: program.waits_for("not in the group yet"), 20, "it consumes")
        assert "starting without the log" in program.log.read_text()
