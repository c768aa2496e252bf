"""Readers that do not read: memory stays bounded, nothing is skipped, and the close has its own code."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from notifier import metrics
from notifier.hub import Hub
from notifier.outlet import LIMIT_BYTES, Outlet
from notifier.server import Protocol
from tests.support.push import (
    HAPPY,
    PROTOCOL,
    SAID,
    MemoryJournal,
    Raw,
    Running,
    new_order_id,
    running,
    story,
    token,
    until,
)

STREAMS = 150
WIDE = "version " + " ".join(f"t{number}: timeline {{ event at }}" for number in range(30))  # ~ 16 kB a version


class Impatient(Protocol):
    """Gives a stopped reader a moment instead of half a minute."""

    stall_seconds = 0.3
    grace_seconds = 0.3


@asynccontextmanager
async def reader(server: Running) -> AsyncIterator[Raw]:
    """A client whose own buffers are small, so that the server feels at once when it stops reading."""
    with socket.socket() as end:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        end.setblocking(False)
        await asyncio.get_running_loop().sock_connect(end, ("127.0.0.1", server.port))
        options = {"compression": None, "max_queue": 1, "ping_interval": None, "close_timeout": 1}
        async with connect(server.url, sock=end, subprotocols=[PROTOCOL], **options) as connection:  # type: ignore[arg-type]
            yield Raw(connection)


@pytest.fixture
def journal() -> MemoryJournal:
    return MemoryJournal()


async def flood(client: Raw, server: Running, journal: MemoryJournal) -> None:
    """More pushes than the kernel and the queue hold, to a client that does not read."""
    steps = story(new_order_id())
    journal.append(steps[0])
    await client.init(token("desk", "support"))
    for number in range(STREAMS):
        await client.subscribe(steps[0].document["id"], id_=str(number), fields=WIDE)
    await until(lambda: metrics.subscriptions._value.get() == STREAMS)
    for step in steps[1:]:
        journal.append(step)
        server.publish(step)
        await asyncio.sleep(0)


async def test_slow_reader_gets_everything_later(journal: MemoryJournal) -> None:
    """When it reads again, each of its streams goes on in order: no version is skipped or repeated."""
    async with running(Hub(journal, SAID)) as server, reader(server) as client:
        await flood(client, server, journal)
        versions: dict[str, list[int]] = {str(number): [] for number in range(STREAMS)}
        ended = 0
        while ended < STREAMS:
            message = await client.receive()
            ended += message["type"] == "complete"
            if message["type"] == "next":
                versions[message["id"]].append(message["payload"]["data"]["orderUpdated"]["version"])
    assert versions == {number: list(range(1, len(HAPPY) + 1)) for number in versions}


async def test_queue_is_bounded(journal: MemoryJournal, monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits for a stopped reader is never more than the limit and one version, of the megabytes there are."""
    sizes: list[int] = []
    put = Outlet.put

    def measure(self: Outlet, text: str, committed: float = 0.0) -> None:
        put(self, text, committed)
        sizes.append(self._bytes)

    monkeypatch.setattr(Outlet, "put", measure)
    async with running(Hub(journal, SAID)) as server, reader(server) as client:
        await flood(client, server, journal)
        (connection,) = server.server.server_state.connections
        assert isinstance(connection, Protocol)
        await until(lambda: not connection.writable.is_set() and max(sizes) > LIMIT_BYTES)
        assert max(sizes) < LIMIT_BYTES + 20_000
        client.connection.transport.abort()


async def test_stopped_reader_is_closed_1013(journal: MemoryJournal) -> None:
    """It is told to come back, behind the frames that were on their way."""
    async with running(Hub(journal, SAID), protocol=Impatient) as server, reader(server) as client:
        await flood(client, server, journal)
        closed = metrics.closed.labels("1013")
        before = closed._value.get()
        await until(lambda: closed._value.get() > before)
        with pytest.raises(ConnectionClosed):
            while True:
                json.loads(await client.connection.recv())
        assert client.connection.close_code in (1013, 1006)  # 1006: it woke up after the connection was cut


async def test_stopped_reader_is_cut(journal: MemoryJournal) -> None:
    """A reader that never comes back does not keep its connection."""
    async with running(Hub(journal, SAID), protocol=Impatient) as server, reader(server) as client:
        await flood(client, server, journal)
        assert server.server.server_state.connections
        await until(lambda: not server.server.server_state.connections)
        client.connection.transport.abort()
