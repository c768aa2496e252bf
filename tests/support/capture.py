"""Change data capture on the real parts: Postgres, broker, Connect with Debezium and the keeper, of a test's own."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Any

import httpx
import psycopg

from chassis.errors import Transient
from chassis.migrate import migrate
from chassis.topics import create_topics
from contracts.catalogue import topics
from local import fetch, java, postgres
from runtime import layout
from tests.support import ownership, ports
from tests.support.databases import FAST, PASSWORD, ROOT
from tests.support.waiting import until

DEPLOY = ROOT / "deploy"
CLUSTER_ID = "demae-capture-tests-id"
# Small, so that a test can lose a slot with a few segments of WAL.
KEEP_WAL = "32MB"

# A service with one outbox and one journal, so that these tests change with no real one.
SHOP = """
ALTER TABLE outbox ALTER source SET DEFAULT 'shop', ADD CONSTRAINT outbox_source CHECK (source = 'shop'),
  ADD CONSTRAINT outbox_type CHECK ((topic, type) IN (('orders.events', 'sold')));
CREATE TABLE journal (
  seq            bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
  id             uuid NOT NULL,
  topic          text NOT NULL DEFAULT 'orders.journal' CHECK (topic = 'orders.journal'),
  type           text NOT NULL,
  key            text NOT NULL,
  version        int NOT NULL,
  payload        text NOT NULL,
  source         text NOT NULL DEFAULT 'shop' CHECK (source = 'shop'),
  schema_version smallint NOT NULL DEFAULT 1,
  traceparent    text,
  at             timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (key, version)
);
"""


@dataclass
class Stack:
    """The running parts; each can be killed, frozen and started again."""

    home: Path
    cluster: postgres.Cluster
    kafka_port: int
    connect_port: int
    keeper_port: int
    jars: Path
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def kafka(self) -> str:
        return f"127.0.0.1:{self.kafka_port}"

    @property
    def connect_url(self) -> str:
        return f"http://127.0.0.1:{self.connect_port}"

    def url(self, role: str) -> str:
        return self.cluster.url(role, "demae")

    def ask(self, query: str) -> list[tuple[object, ...]]:
        """As the superuser, outside of any transaction."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as db:
            cursor = db.execute(query.encode())
            return cursor.fetchall() if cursor.description else []

    def start(self, name: str) -> None:
        """Start a part that does not run; waits for nothing."""
        command, environment = PARTS[name](self)
        with (self.home / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **ownership.mark(), **environment},
                start_new_session=True,
            )

    def kill(self, name: str) -> None:
        """kill -9, and wait for the end."""
        self.running[name].kill()
        self.running.pop(name).wait()

    @contextmanager
    def frozen(self, name: str) -> Iterator[None]:
        """SIGSTOP for the time of the block."""
        self.running[name].send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.running[name].send_signal(signal.SIGCONT)

    def connector(self, what: str) -> dict[str, Any]:
        """The connector's `status` or `config`; empty while Connect is away or rebalances."""
        try:
            answer = httpx.get(f"{self.connect_url}/connectors/demae/{what}", timeout=30)
        except httpx.HTTPError:
            return {}
        return {} if answer.is_error else dict(answer.json())

    def tasks(self) -> list[str]:
        """The states of the connector's tasks."""
        return [task["state"] for task in self.connector("status").get("tasks", [])]

    def ready(self) -> bool:
        """What the keeper's /ready says."""
        try:
            return httpx.get(f"http://127.0.0.1:{self.keeper_port}/ready").status_code == 200
        except httpx.HTTPError:
            return False

    def repairs(self, kind: str) -> int:
        """How often the keeper did this since its start."""
        text = httpx.get(f"http://127.0.0.1:{self.keeper_port}/metrics").text
        found = [line for line in text.splitlines() if line.startswith(f'repairs_total{{kind="{kind}"}}')]
        return int(float(found[0].split()[-1])) if found else 0


def _broker(stack: Stack) -> tuple[list[str], Mapping[str, str]]:
    file = stack.home / "broker.properties"
    values = {"port": stack.kafka_port, "controller": ports.free_port(), "data": stack.home / "kafka"}
    if not file.exists():
        file.write_text(Template((DEPLOY / "local" / "broker.properties").read_text()).substitute(values))
        tool = [*java.command(stack.jars, java.TOOL), "kafka.tools.StorageTool", "format", "-t", CLUSTER_ID]
        subprocess.run([*tool, "-c", str(file)], stdin=subprocess.DEVNULL, capture_output=True, check=True)
    return [*_java(stack, java.BROKER), "kafka.Kafka", str(file)], java.ENVIRONMENT


def _connect(stack: Stack) -> tuple[list[str], Mapping[str, str]]:
    file = stack.home / "connect.properties"
    values = {"kafka": stack.kafka, "host": "127.0.0.1", "port": stack.connect_port, "replicas": 1}
    file.write_text(Template((DEPLOY / "connect" / "worker.properties").read_text()).substitute(values))
    main = "org.apache.kafka.connect.cli.ConnectDistributed"
    return [*_java(stack, java.CONNECT), main, str(file)], java.ENVIRONMENT


def _keeper(stack: Stack) -> tuple[list[str], Mapping[str, str]]:
    return [sys.executable, "-m", "keeper"], {
        "PYTHONPATH": os.pathsep.join(str(ROOT / part) for part in ("chassis/src", "services")),
        "DATABASE_URL": stack.url("keeper"),
        "KAFKA_BOOTSTRAP": stack.kafka,
        "CONNECT_URL": stack.connect_url,
        "CDC_DATABASE_HOST": "127.0.0.1",
        "CDC_DATABASE_PORT": str(stack.cluster.port),
        "CDC_DATABASE_PASSWORD": PASSWORD,
        "HEALTH_HOST": "127.0.0.1",
        "HEALTH_PORT": str(stack.keeper_port),
    }


def _java(stack: Stack, options: tuple[str, ...]) -> list[str]:
    # These runs are short: the second compiler would never pay for itself.
    quiet = f"-Dlog4j2.configurationFile={(DEPLOY / 'connect' / 'log4j2.yaml').as_uri()}"
    return java.command(stack.jars, (*options, "-XX:TieredStopAtLevel=1", quiet))


PARTS: Mapping[str, Callable[[Stack], tuple[list[str], Mapping[str, str]]]] = {
    "broker": _broker,
    "connect": _connect,
    "keeper": _keeper,
}


@contextmanager
def capturing(before_keeper: Callable[[Stack], None] = lambda _: None) -> Iterator[Stack]:
    """The whole chain, flowing. `before_keeper` runs when all but the keeper is up: there is no connector yet."""
    ownership.sweep()
    where = layout.from_environment()
    fetch.fetch(where)
    home = ownership.folder()
    cluster = postgres.Cluster(home / "data", ports.free_port(), PASSWORD, {**FAST, "max_slot_wal_keep_size": KEEP_WAL})
    kafka, connect, keeper = (ports.free_port() for _ in range(3))
    stack = Stack(home, cluster, kafka, connect, keeper, fetch.where(where).jars)
    try:
        stack.start("broker")
        _make_database(stack)
        until(lambda: _has_topics(stack), 30, "the broker")
        stack.start("connect")
        before_keeper(stack)
        stack.start("keeper")
        until(stack.ready, 60, "the first tick")
        yield stack
    finally:
        _end(stack)


def _make_database(stack: Stack) -> None:
    postgres.initialise(stack.cluster)
    stack.running["postgres"] = postgres.start(stack.cluster, stack.home / "postgres.log", ownership.mark())
    with psycopg.connect(stack.cluster.url(), autocommit=True) as admin:
        admin.execute("CREATE DATABASE demae")
    services = stack.home / "services"
    (services / "shop" / "migrations").mkdir(parents=True)
    (services / "shop" / "migrations" / "0001_sell.sql").write_text(SHOP)
    shutil.copytree(ROOT / "services" / "keeper" / "migrations", services / "keeper" / "migrations")
    migrate(stack.url("postgres"), services, {"*": PASSWORD})


def _has_topics(stack: Stack) -> bool:
    try:
        create_topics(stack.kafka, topics())
    except Transient:
        return False
    return True


def _end(stack: Stack) -> None:
    server = stack.running.pop("postgres", None)
    for name in list(stack.running):
        stack.kill(name)
    if server is not None:
        postgres.stop(server)
    shutil.rmtree(stack.home, ignore_errors=True)
