"""`python -m notifier` as a process, on a real broker and a real Postgres."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import psycopg
import pytest
from confluent_kafka import Producer

from chassis.topics import create_topics
from ground.ports import free_port
from tests.support.push import ROOT, SECRET, Step, new_order_id, raw, story, until
from tests.support.worlds import OwnBroker, running_broker

PATHS = os.pathsep.join(str(ROOT / path) for path in ("chassis/src", "services"))
COMMAND = [sys.executable, "-m", "notifier"]
TOPIC = "orders.journal"
INSERT = """
INSERT INTO api.journal (id, type, key, payload, at, order_id, version, data)
VALUES (gen_random_uuid(), %(event)s, %(id)s::text, %(payload)s, %(at)s, %(id)s::uuid, %(version)s, '{}')
"""


@pytest.fixture(scope="module")
def broker() -> Iterator[OwnBroker]:
    """One broker with the journal's topic."""
    with running_broker() as process:
        create_topics(process.bootstrap, {TOPIC: {"partitions": 4}})
        yield process


@dataclass
class Service:
    """The process, and what is written for it."""

    process: subprocess.Popen[bytes]
    port: int
    health: int
    producer: Producer
    writer: psycopg.AsyncConnection[tuple[object, ...]]

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/graphql"

    def status(self, path: str) -> int:
        """The status of a health address, 0 without an answer."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.health}/{path}", timeout=1) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            error.close()
            return error.code
        except OSError:
            return 0

    def listens(self) -> bool:
        """The port of the sockets is open."""
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    async def commit(self, *steps: Step) -> None:
        for step in steps:
            row = {"event": step.event, "id": step.document["id"], "payload": step.payload, "at": step.at}
            await self.writer.execute(INSERT, row | {"version": step.document["version"]})

    def publish(self, *steps: Step) -> None:
        for step in steps:
            record = step.record
            self.producer.produce(TOPIC, key=record.key, value=record.value, headers=list(record.headers))
        self.producer.flush(10)


@asynccontextmanager
async def serving(bootstrap: str, database: Callable[..., str], ready: int = 200) -> AsyncIterator[Service]:
    """The process once its /ready answers with `ready`."""
    port, health = free_port(), free_port()
    environment = os.environ | {
        "PYTHONPATH": PATHS,
        "DATABASE_URL": database("notifier"),
        "KAFKA_BOOTSTRAP": bootstrap,
        "JWT_SECRET": SECRET,
        "HTTP_HOST": "127.0.0.1",
        "HTTP_PORT": str(port),
        "HEALTH_HOST": "127.0.0.1",
        "HEALTH_PORT": str(health),
    }
    writer = await psycopg.AsyncConnection.connect(database("api"), autocommit=True)
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 0})
    process = subprocess.Popen(COMMAND, env=environment)  # noqa: ASYNC220 (returns at once)
    service = Service(process, port, health, producer, writer)
    try:
        await until(lambda: service.status("ready") == ready and service.listens(), 30)
        yield service
    finally:
        process.kill()
        process.wait(10)
        await writer.close()


def test_missing_settings_are_named_at_once() -> None:
    """Every variable that is not there, in one go, and exit code 78."""
    environment = {"PYTHONPATH": PATHS, "PATH": os.environ["PATH"]}
    ended = subprocess.run(COMMAND, env=environment, capture_output=True, text=True, timeout=30, check=False)
    named = {line.split()[0] for line in ended.stderr.splitlines()}
    assert (ended.returncode, named) == (78, {"DATABASE_URL", "KAFKA_BOOTSTRAP", "JWT_SECRET", "HTTP_PORT"})


async def test_pushes_what_the_topic_brings(broker: OwnBroker, service_database: Callable[..., str]) -> None:
    """Snapshot from the table, then every record within a sweep's time, then complete; an orderly end on SIGTERM."""
    async with serving(broker.bootstrap, service_database) as service, raw(service.url) as client:
        steps, others = story(new_order_id()), story(new_order_id())
        await service.commit(*steps[:2], others[0])
        await client.init()
        await client.subscribe(steps[0].document["id"])
        await client.subscribe(others[0].document["id"], id_="other")
        assert await client.versions(3)
        for step in steps[2:]:
            await service.commit(step)
            service.publish(steps[0], step)
            async with asyncio.timeout(3):
                assert await client.versions(1) == [step.document["version"]]
        assert await client.receive() == {"id": "1", "type": "complete"}
        service.process.send_signal(signal.SIGTERM)
        assert (await client.closed())[0] == 1012
        assert service.process.wait(15) == 0


async def test_serves_from_the_table_without_a_broker(service_database: Callable[..., str]) -> None:
    """No log, no live pushes, and not ready; but alive, and the sweep still brings every version."""
    async with serving(f"127.0.0.1:{free_port()}", service_database, ready=503) as service:
        await until(lambda: service.status("live") == 200)
        steps = story(new_order_id())
        await service.commit(steps[0])
        async with raw(service.url) as client:
            await client.init()
            await client.subscribe(steps[0].document["id"])
            assert await client.versions(1) == [1]
            await service.commit(*steps[1:])
            async with asyncio.timeout(15):
                text = [await client.connection.recv() for _ in steps]
    assert '"complete"' in str(text[-1])
