"""Change data capture on the real parts: Postgres, broker, Connect with Debezium and the keeper, of a test's own."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg

from chassis.errors import Transient
from chassis.migrate import migrate
from chassis.topics import create_topics
from contracts.catalogue import topics
from ground import ownership, ports
from ground.waiting import until
from tests.support.databases import ROOT
from tests.support.parts import PASSWORD, Parts, own_parts

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
    """The running parts, and the keeper as a process; each can be killed, frozen and started again."""

    parts: Parts
    keeper_port: int = field(default_factory=ports.free_port)
    keeper: subprocess.Popen[bytes] | None = None

    @property
    def kafka(self) -> str:
        return self.parts.kafka

    @property
    def connect_url(self) -> str:
        return self.parts.connect_url

    def url(self, role: str) -> str:
        return self.parts.database_url(role, "demae")

    def ask(self, query: str) -> list[tuple[object, ...]]:
        """As the superuser, outside of any transaction."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as db:
            cursor = db.execute(query.encode())
            return cursor.fetchall() if cursor.description else []

    def start(self, name: str) -> None:
        """Start a part that does not run; waits for nothing."""
        if name != "keeper":
            self.parts.start(name)
            return
        environment = {**os.environ, **ownership.mark(), **self._keeper()}
        self.keeper = subprocess.Popen([sys.executable, "-m", "keeper"], stdin=subprocess.DEVNULL, env=environment)

    def kill(self, name: str) -> None:
        """kill -9, and wait for the end."""
        if name != "keeper":
            self.parts.kill(name)
        elif self.keeper:
            self.keeper.kill()
            self.keeper.wait()

    @contextmanager
    def frozen(self, name: str) -> Iterator[None]:
        """A part that does nothing for the time of the block."""
        self._hold(name, signal.SIGSTOP)
        try:
            yield
        finally:
            self._hold(name, signal.SIGCONT)

    def _hold(self, name: str, number: signal.Signals) -> None:
        if name == "keeper" and self.keeper:
            self.keeper.send_signal(number)
        elif number == signal.SIGSTOP:
            self.parts.freeze(name)
        else:
            self.parts.thaw(name)

    def _keeper(self) -> dict[str, str]:
        host, port = self.parts.database_for_connect
        return {
            "PYTHONPATH": os.pathsep.join(str(ROOT / part) for part in ("chassis/src", "services")),
            "DATABASE_URL": self.url("keeper"),
            "KAFKA_BOOTSTRAP": self.kafka,
            "CONNECT_URL": self.connect_url,
            "CDC_DATABASE_HOST": host,
            "CDC_DATABASE_PORT": str(port),
            "CDC_DATABASE_PASSWORD": PASSWORD,
            "HEALTH_HOST": "127.0.0.1",
            "HEALTH_PORT": str(self.keeper_port),
        }

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


@contextmanager
def capturing(before_keeper: Callable[[Stack], None] = lambda _: None) -> Iterator[Stack]:
    """The whole chain, flowing. `before_keeper` runs when all but the keeper is up: there is no connector yet."""
    with own_parts(max_slot_wal_keep_size=KEEP_WAL) as parts:
        stack = Stack(parts)
        try:
            stack.start("kafka")
            stack.start("postgres")
            _make_database(stack)
            until(lambda: _has_topics(stack), 30, "the broker")
            stack.start("connect")
            before_keeper(stack)
            stack.start("keeper")
            until(stack.ready, 60, "the first tick")
            yield stack
        finally:
            stack.kill("keeper")


def _make_database(stack: Stack) -> None:
    with psycopg.connect(stack.parts.database_url(), autocommit=True) as admin:
        admin.execute("CREATE DATABASE demae")
    with tempfile.TemporaryDirectory() as folder:
        services = Path(folder)
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
