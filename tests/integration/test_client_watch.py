"""watch() over real sockets: against notifier itself, and against servers that drop, skip, repeat and refuse."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

from demae_client import Client, Gap, Lost, Refused, RequestError, Socket, Unreachable
from ground.ports import free_port
from notifier.hub import Hub
from tests.support.push import HAPPY, SAID, MemoryJournal, Running, new_order_id, running, story, token, until

ORDER = new_order_id()
Script = Callable[["Peer"], Awaitable[None]]


class Peer:
    """One subscription as a scripted server sees it."""

    def __init__(self, connection: ServerConnection, subscribe: dict[str, Any]) -> None:
        self.connection = connection
        self.id = subscribe["id"]
        self.after = subscribe["payload"]["variables"]["after"]

    async def send(self, type_: str, **more: Any) -> None:
        await self.connection.send(json.dumps({"id": self.id, "type": type_, **more}))

    async def version(self, *numbers: int) -> None:
        for number in numbers:
            await self.send("next", payload={"data": {"orderUpdated": {"version": number}}})

    async def complete(self) -> None:
        await self.send("complete")


@asynccontextmanager
async def scripted(*scripts: Script, port: int = 0) -> AsyncIterator[tuple[str, list[int]]]:
    """A server that plays the next script for each subscription; -> its URL and the cursors it was asked with."""
    left, cursors = list(scripts), []

    async def handle(connection: ServerConnection) -> None:
        assert json.loads(await connection.recv())["type"] == "connection_init"
        await connection.send('{"type":"connection_ack"}')
        async for text in connection:
            message = json.loads(text)
            if message["type"] == "subscribe":
                peer = Peer(connection, message)
                cursors.append(peer.after)
                await left.pop(0)(peer)

    async with serve(handle, "127.0.0.1", port, subprotocols=[Subprotocol("graphql-transport-ws")]) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/graphql", cursors


async def seen(url: str, after: int = 0, attempts: int | None = 3) -> list[int]:
    async with Socket(url, "t") as socket:
        return [order["version"] async for order in socket.watch(ORDER, after, attempts=attempts, fields="status")]


async def test_reconnects_with_a_moved_cursor() -> None:
    """Cut by the network, restarted (1012), slow (1013): the next subscription begins where the last one ended."""

    async def cut(peer: Peer) -> None:
        await peer.version(1, 2)
        peer.connection.transport.abort()

    async def restarted(peer: Peer) -> None:
        await peer.version(3)
        await peer.connection.close(1012)

    async def slow(peer: Peer) -> None:
        await peer.connection.close(1013)

    async def end(peer: Peer) -> None:
        await peer.version(4, 5)
        await peer.complete()

    async with scripted(cut, restarted, slow, end) as (url, cursors):
        assert (await seen(url), cursors) == ([1, 2, 3, 4, 5], [0, 2, 3, 3])


async def test_loses_nothing_that_was_sent_before_the_cut() -> None:
    """Versions received but not yet asked for by the caller are still yielded."""

    async def burst(peer: Peer) -> None:
        await peer.version(*range(1, 50))
        await peer.connection.close(1012)

    async def end(peer: Peer) -> None:
        await peer.complete()

    async with scripted(burst, end) as (url, cursors):
        assert (await seen(url), cursors) == (list(range(1, 50)), [0, 49])


@pytest.mark.parametrize(("versions", "expected", "received"), [((1, 3), 2, 3), ((1, 1), 2, 1), ((2,), 1, 2)])
async def test_raises_gap(versions: tuple[int, ...], expected: int, received: int) -> None:
    """A version skipped or repeated by the server is never passed on in silence."""

    async def faulty(peer: Peer) -> None:
        await peer.version(*versions)

    async with scripted(faulty) as (url, _):
        with pytest.raises(Gap) as raised:
            await seen(url)
    assert (raised.value.expected, raised.value.received) == (expected, received)


async def test_error_is_not_retried() -> None:
    """An order that is not yours will not become yours by asking again."""

    async def refuse(peer: Peer) -> None:
        await peer.send("error", payload=[{"message": "no", "extensions": {"code": "ORDER_NOT_FOUND"}}])

    async with scripted(refuse) as (url, cursors):
        with pytest.raises(RequestError) as raised:
            await seen(url)
    assert (raised.value.code, cursors) == ("ORDER_NOT_FOUND", [0])


async def test_error_in_a_result_is_raised() -> None:
    """A result with `errors` is no version."""

    async def fault(peer: Peer) -> None:
        await peer.send("next", payload={"errors": [{"message": "oops", "extensions": {"code": "INTERNAL"}}]})

    async with scripted(fault) as (url, _):
        with pytest.raises(RequestError, match="INTERNAL"):
            await seen(url)


@pytest.mark.parametrize("code", [4400, 4401, 4403, 4406, 4409, 4429, 4500])
async def test_final_codes_are_not_retried(code: int) -> None:
    """These say: do not come back like this."""

    async def close(peer: Peer) -> None:
        await peer.connection.close(code, "why")

    async with scripted(close) as (url, cursors):
        with pytest.raises(Refused) as raised:
            await seen(url)
    assert (raised.value.code, raised.value.reason, cursors) == (code, "why", [0])


async def test_gives_up_after_its_attempts() -> None:
    """Nobody listens: the attempts are counted, and the last trouble is in the message."""
    with pytest.raises(Unreachable, match="gave up after 3"):
        await seen(f"ws://127.0.0.1:{free_port()}/graphql", attempts=2)


async def test_attempts_count_from_the_last_version() -> None:
    """A long watch survives more losses than its attempts, as long as it moves between them."""

    def step(number: int) -> Script:
        async def play(peer: Peer) -> None:
            await peer.version(number)
            await peer.connection.close(1012)

        return play

    async def end(peer: Peer) -> None:
        await peer.complete()

    async with scripted(*(step(number) for number in range(1, 6)), end) as (url, _):
        assert await seen(url, attempts=1) == [1, 2, 3, 4, 5]


async def test_waits_for_a_server_to_appear() -> None:
    """Endless by default: the server may start after the client."""

    async def end(peer: Peer) -> None:
        await peer.version(1)
        await peer.complete()

    port = free_port()
    watching = asyncio.create_task(seen(f"ws://127.0.0.1:{port}/graphql", attempts=None))
    await asyncio.sleep(0)
    async with scripted(end, port=port):
        assert await watching == [1]


async def test_stopping_completes_the_operation() -> None:
    """Leaving the loop tells the server; the socket goes on for others."""
    messages: list[dict[str, Any]] = []

    async def one(peer: Peer) -> None:
        await peer.version(1)
        messages.append(json.loads(await peer.connection.recv()))

    async with scripted(one) as (url, _), Socket(url, "t") as socket:
        versions = socket.watch(ORDER)
        async for _ in versions:
            break
        await versions.aclose()
        await until(lambda: bool(messages))
    assert messages == [{"id": "1", "type": "complete"}]


async def test_answers_pings() -> None:
    """A server's ping is answered, and disturbs no subscription."""

    async def ping(peer: Peer) -> None:
        await peer.connection.send('{"type":"ping"}')
        assert json.loads(await peer.connection.recv()) == {"type": "pong"}
        await peer.version(1)
        await peer.complete()

    async with scripted(ping) as (url, _):
        assert await seen(url) == [1]


async def test_dead_link_is_not_used_again() -> None:
    """A link that breaks in a send, before its reader has noticed, is given up at once: no busy loop."""

    async def end(peer: Peer) -> None:
        await peer.version(1)
        await peer.complete()

    async with scripted(end) as (url, _), Socket(url, "t") as socket:
        link = await socket._connected()
        link._reader.cancel()  # a reader that never has its turn
        link._connection.transport.abort()
        await link._connection.wait_closed()
        async with asyncio.timeout(5):
            assert [order["version"] async for order in socket.watch(ORDER, fields="status")] == [1]


async def test_closed_socket_ends_its_watches() -> None:
    """After close() nobody reconnects."""

    async def silent(peer: Peer) -> None:
        await peer.version(1)

    async with scripted(silent) as (url, _):
        socket = Socket(url, "t")
        versions = socket.watch(ORDER)
        await anext(versions)
        await socket.close()
        with pytest.raises(Unreachable):
            await anext(versions)


async def test_raw_subscribe_lives_once() -> None:
    """`subscribe` does not reconnect: it says Lost with the code."""

    async def close(peer: Peer) -> None:
        await peer.connection.close(1012)

    async with scripted(close) as (url, _), Socket(url, "t") as socket:
        with pytest.raises(Lost) as raised:
            await anext(socket.subscribe("subscription { x }", {"after": 0}))
    assert raised.value.code == 1012


@pytest.fixture
def journal() -> MemoryJournal:
    return MemoryJournal()


async def test_many_watches_share_one_socket(journal: MemoryJournal) -> None:
    """A hundred orders over one connection, each lossless."""
    stories = [story(new_order_id()) for _ in range(100)]
    for steps in stories:
        journal.append(steps[0])
    async with running(Hub(journal, SAID)) as server, Socket(server.url, token()) as socket:

        async def follow(order_id: str) -> list[int]:
            return [order["version"] async for order in socket.watch(order_id)]

        watches = [asyncio.create_task(follow(steps[0].document["id"])) for steps in stories]
        for number in range(1, len(HAPPY)):
            for steps in stories:
                journal.append(steps[number])
                server.publish(steps[number])
            await asyncio.sleep(0)
        assert await asyncio.gather(*watches) == [list(range(1, len(HAPPY) + 1))] * 100


async def test_survives_restarts_of_the_notifier(journal: MemoryJournal) -> None:
    """Restarted between any two versions, with versions committed while it is away: 1 … n, each once."""
    steps = story(new_order_id())
    journal.append(steps[0])
    versions: list[int] = []
    port = free_port()

    async def follow(url: str) -> None:
        async with Client(url, token()) as client:
            async for order in client.watch(steps[0].document["id"]):
                versions.append(order["version"])

    watching = asyncio.create_task(follow(f"http://127.0.0.1:{port}/graphql"))
    for number in range(1, len(HAPPY), 2):
        async with running(Hub(journal, SAID), port=port) as server:
            await until(lambda count=number: len(versions) == count)  # type: ignore[misc]
            journal.append(steps[number])
            server.publish(steps[number])
            await until(lambda count=number: len(versions) == count + 1)  # type: ignore[misc]
        journal.append(steps[number + 1])
    async with running(Hub(journal, SAID), port=port):
        await watching
    assert versions == list(range(1, len(HAPPY) + 1))


async def test_storm_of_reconnects_is_lossless(journal: MemoryJournal) -> None:
    """Fifty clients whose connections are cut again and again while versions come: no gap, no repeat."""
    stories = [story(new_order_id()) for _ in range(50)]
    for steps in stories:
        journal.append(steps[0])

    async def follow(server: Running, order_id: str) -> list[int]:
        async with Socket(server.url, token()) as socket:
            return [order["version"] async for order in socket.watch(order_id, fields="status")]

    async with running(Hub(journal, SAID)) as server:
        watches = [asyncio.create_task(follow(server, steps[0].document["id"])) for steps in stories]
        for number in range(1, len(HAPPY)):
            for steps in stories:
                journal.append(steps[number])
                server.publish(steps[number])
                await asyncio.sleep(0)
            for connection in list(server.server.server_state.connections)[::2]:
                connection.transport.abort()
        assert await asyncio.gather(*watches) == [list(range(1, len(HAPPY) + 1))] * 50
