"""graphql-transport-ws frame by frame, over a real uvicorn on loopback."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from websockets.typing import Subprotocol

from notifier.hub import Hub
from notifier.operations import Operations
from tests.support.push import (
    CANCELLED,
    SAID,
    MemoryJournal,
    Raw,
    Running,
    new_order_id,
    raw,
    running,
    story,
    token,
    until,
)


@pytest.fixture
def journal() -> MemoryJournal:
    return MemoryJournal()


@pytest.fixture
async def server(journal: MemoryJournal) -> AsyncIterator[Running]:
    async with running(Hub(journal, SAID)) as server:
        yield server


@pytest.fixture
async def socket(server: Running) -> AsyncIterator[Raw]:
    async with raw(server.url) as socket:
        yield socket


async def test_acknowledges_a_good_token(socket: Raw) -> None:
    """connection_init is answered by connection_ack, and the subprotocol is echoed."""
    await socket.init()
    assert socket.connection.subprotocol == "graphql-transport-ws"


@pytest.mark.parametrize("offered", [None, [Subprotocol("graphql-ws")], [Subprotocol("chat")]])
async def test_closes_4406_for_another_subprotocol(server: Running, offered: list[Subprotocol] | None) -> None:
    """Only graphql-transport-ws is spoken here."""
    async with raw(server.url, offered) as socket:
        assert await socket.closed() == (4406, "Subprotocol not acceptable")


async def test_closes_4408_without_init(journal: MemoryJournal) -> None:
    """A socket that does not introduce itself in time is closed."""
    async with running(Hub(journal, SAID), init_seconds=0.05) as server, raw(server.url) as socket:
        assert await socket.closed() == (4408, "Connection initialisation timeout")


async def test_init_in_time_stops_its_clock(journal: MemoryJournal) -> None:
    """Who has introduced itself outlives the one who came later and did not."""
    async with running(Hub(journal, SAID), init_seconds=0.3) as server, raw(server.url) as first:
        await first.init()
        async with raw(server.url) as second:
            assert (await second.closed())[0] == 4408
        await first.send({"type": "ping"})
        assert await first.receive() == {"type": "pong"}


@pytest.mark.parametrize(
    "message",
    [
        "",
        "no json",
        "[]",
        "null",
        '"connection_init"',
        '{"payload":{}}',
        '{"type":"start","id":"1","payload":{}}',
        '{"type":"connection_ack"}',
        '{"type":"next","id":"1","payload":{}}',
        '{"type":"connection_init","payload":"Bearer x"}',
        '{"type":"ping","payload":[]}',
        '{"type":"subscribe","payload":{"query":"{a}"}}',
        '{"type":"subscribe","id":1,"payload":{"query":"{a}"}}',
        '{"type":"subscribe","id":"","payload":{"query":"{a}"}}',
        '{"type":"subscribe","id":"1"}',
        '{"type":"subscribe","id":"1","payload":{}}',
        '{"type":"subscribe","id":"1","payload":{"query":1}}',
        '{"type":"subscribe","id":"1","payload":{"query":"{a}","variables":[]}}',
        '{"type":"subscribe","id":"1","payload":{"query":"{a}","operationName":1}}',
        '{"type":"subscribe","id":"1","payload":{"query":"{a}","extensions":"x"}}',
        '{"type":"complete"}',
        b'{"type":"ping"}',
        "[" * 20_000,
    ],
)
async def test_closes_4400_for_a_bad_message(socket: Raw, message: str | bytes) -> None:
    """What is not a message of the protocol ends the socket."""
    await socket.send(message)
    code, reason = await socket.closed()
    assert (code, bool(reason)) == (4400, True)


async def test_closes_4401_before_init(socket: Raw) -> None:
    """Nobody subscribes before the acknowledgement."""
    await socket.subscribe(new_order_id())
    assert await socket.closed() == (4401, "Unauthorized")


@pytest.mark.parametrize(
    "payload",
    [
        None,
        {},
        {"authorization": 1},
        {"authorization": "Basic abc"},
        {"authorization": "Bearer nonsense"},
        {"authorization": f"Bearer {token(seconds=-1)}"},
        {"authorization": f"Bearer {token(aud='other')}"},
        {"authorization": f"Bearer {token(role='admin')}"},
        {"authorization": f"Bearer {token(exp=None)}"},
        {"authorization": f"Bearer {token()[:-4]}AAAA"},
    ],
)
async def test_closes_4403_for_a_refused_token(socket: Raw, payload: object) -> None:
    """Whatever is wrong with the token, the answer is the same."""
    await socket.send({"type": "connection_init", "payload": payload})
    assert await socket.closed() == (4403, "Forbidden")


async def test_closes_4429_for_a_second_init(socket: Raw) -> None:
    """A socket introduces itself once."""
    await socket.init()
    await socket.send({"type": "connection_init"})
    assert await socket.closed() == (4429, "Too many initialisation requests")


async def test_closes_4409_for_a_running_id(socket: Raw, journal: MemoryJournal) -> None:
    """An id is free again only when its operation is over."""
    order = new_order_id()
    journal.append(story(order)[0])
    await socket.init()
    await socket.subscribe(order, id_="a")
    await socket.receive()
    await socket.subscribe(order, id_="a")
    assert await socket.closed() == (4409, "Subscriber for a already exists")


async def test_closes_4500_for_a_fault_of_ours(socket: Raw, monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception's text stays here."""

    def broken(*_: object) -> None:
        raise RuntimeError("secret")

    await socket.init()
    monkeypatch.setattr(Operations, "watch", broken)
    await socket.subscribe(new_order_id())
    assert await socket.closed() == (4500, "Internal server error")


async def test_closes_4403_when_the_token_expires(socket: Raw) -> None:
    """A token counts until its last second, not only at the door."""
    await socket.init(token(seconds=1.2))
    assert await socket.closed() == (4403, "Token expired")


async def test_closes_1012_when_stopped(journal: MemoryJournal) -> None:
    """A restart tells clients to come back."""
    async with running(Hub(journal, SAID)) as server:
        connection = raw(server.url)
        socket = await connection.__aenter__()
        await socket.init()
    assert (await socket.closed())[0] == 1012
    await connection.__aexit__(None, None, None)


@pytest.mark.parametrize("payload", [None, {"n": 1}])
async def test_answers_a_ping(socket: Raw, payload: dict[str, int] | None) -> None:
    """A pong with the ping's payload, before and after the handshake."""
    body = {} if payload is None else {"payload": payload}
    await socket.send({"type": "ping", **body})
    assert await socket.receive() == {"type": "pong", **body}
    await socket.init()
    await socket.send({"type": "ping", **body})
    assert await socket.receive() == {"type": "pong", **body}


async def test_ignores_a_pong(socket: Raw) -> None:
    """An unasked pong is a sign of life and nothing else."""
    await socket.send({"type": "pong"})
    await socket.init()


async def test_runs_several_operations(socket: Raw, server: Running, journal: MemoryJournal) -> None:
    """Each message carries the id of its own operation."""
    first, second = story(new_order_id()), story(new_order_id())
    journal.append(first[0])
    journal.append(second[0])
    await socket.init()
    await socket.subscribe(first[0].document["id"], id_="a")
    await socket.subscribe(second[0].document["id"], id_="b")
    assert {(await socket.receive())["id"] for _ in range(2)} == {"a", "b"}
    server.publish(second[1])
    assert (await socket.receive())["id"] == "b"


async def test_stops_after_the_clients_complete(socket: Raw, server: Running, journal: MemoryJournal) -> None:
    """Nothing more comes for a completed operation, and its id is free again."""
    steps = story(new_order_id())
    journal.append(steps[0])
    await socket.init()
    await socket.subscribe(steps[0].document["id"])
    assert await socket.versions(1) == [1]
    await socket.send({"id": "1", "type": "complete"})
    await socket.send({"type": "ping"})
    assert await socket.receive() == {"type": "pong"}
    journal.append(steps[1])
    server.publish(steps[1])
    await socket.subscribe(steps[0].document["id"], after=1)
    assert await socket.versions(1) == [2]


async def test_ignores_complete_of_an_unknown_id(socket: Raw) -> None:
    """The client's complete may cross the server's."""
    await socket.init()
    await socket.send({"id": "nobody", "type": "complete"})
    await socket.send({"type": "ping"})
    assert await socket.receive() == {"type": "pong"}


@pytest.mark.parametrize("steps", [story(new_order_id()), story(new_order_id(), CANCELLED)])
async def test_completes_when_settled(socket: Raw, journal: MemoryJournal, steps: list) -> None:  # type: ignore[type-arg]
    """The server's complete follows the last version."""
    for step in steps:
        journal.append(step)
    await socket.init()
    await socket.subscribe(steps[0].document["id"])
    assert await socket.versions(len(steps)) == list(range(1, len(steps) + 1))
    assert await socket.receive() == {"id": "1", "type": "complete"}


async def test_completes_at_once_behind_the_end(socket: Raw, journal: MemoryJournal) -> None:
    """A cursor at the last version of a settled order has nothing to wait for."""
    steps = story(new_order_id())
    for step in steps:
        journal.append(step)
    await socket.init()
    await socket.subscribe(steps[0].document["id"], after=len(steps))
    assert await socket.receive() == {"id": "1", "type": "complete"}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("subscription {", "GRAPHQL_PARSE_FAILED"),
        ("subscription { nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription { orderUpdated(after: 0) { id } }", "GRAPHQL_VALIDATION_FAILED"),
        ("{ viewer { id } }", "BAD_USER_INPUT"),
        ("mutation { startShift { onShift } }", "BAD_USER_INPUT"),
        ('subscription { orderUpdated(orderId: "x", after: -1) { id } }', "BAD_USER_INPUT"),
        ("subscription($o: ID!) { orderUpdated(orderId: $o) { id } }", "BAD_USER_INPUT"),
        ('subscription { orderUpdated(orderId: "x") { id } }', "ORDER_NOT_FOUND"),
        (f'subscription {{ orderUpdated(orderId: "{new_order_id()}") {{ id }} }}', "ORDER_NOT_FOUND"),
    ],
)
async def test_refuses_with_error(socket: Raw, query: str, code: str) -> None:
    """A refused operation is an `error` with a stable code; the socket lives on."""
    await socket.init()
    await socket.send({"id": "1", "type": "subscribe", "payload": {"query": query}})
    answer = await socket.receive()
    assert (answer["id"], answer["type"], answer["payload"][0]["extensions"]["code"]) == ("1", "error", code)
    await socket.send({"type": "ping"})
    assert await socket.receive() == {"type": "pong"}


async def test_foreign_looks_like_unknown(socket: Raw, journal: MemoryJournal) -> None:
    """The error for somebody else's order is byte for byte the one for no order."""
    order = new_order_id()
    journal.append(story(order)[0])
    await socket.init(token("eve"))
    await socket.subscribe(order)
    foreign = await socket.receive()
    await socket.subscribe(new_order_id())
    assert await socket.receive() == foreign


async def test_limits_a_messages_size(socket: Raw) -> None:
    """A message of more than 64 KiB is not read to its end."""
    await socket.send(json.dumps({"type": "ping", "payload": {"x": "y" * 70_000}}))
    assert (await socket.closed())[0] == 1009


async def test_forgets_a_lost_socket(server: Running, journal: MemoryJournal) -> None:
    """A connection that vanishes leaves no subscription behind."""
    order = new_order_id()
    journal.append(story(order)[0])
    async with raw(server.url) as socket:
        await socket.init()
        await socket.subscribe(order)
        await socket.versions(1)
        assert server.hub.follows(order.encode())
        socket.connection.transport.abort()
    await until(lambda: not server.hub.follows(order.encode()))


async def test_serves_nothing_else(server: Running) -> None:
    """One path, one kind of request."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    assert b" 404 " in await reader.readline()
    writer.close()
    await writer.wait_closed()
