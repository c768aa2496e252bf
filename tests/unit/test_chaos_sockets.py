"""A customer's socket: opened again for ever, each watch behind the last version it has seen."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

from chaos import sockets
from chaos.desk import Principal
from chaos.journeys import Wish
from chaos.sockets import Socket
from chaos.stories import Story
from check.history import Recorder, lines

PROTOCOL = Subprotocol("graphql-transport-ws")
ADA = Principal("ada", "customer", "t0ken", b"")
HANG_UP = {"type": "hang up"}
Script = dict[int, Sequence[dict[str, Any]]]
"""`after` → the frames that a subscription behind it is answered with."""


def version(number: int, status: str = "PAID", payment: str = "COMPLETED") -> dict[str, Any]:
    """A frame with one version."""
    order = {"id": "o-1", "version": number, "status": status, "payment": {"status": payment}, "cancellation": None}
    return {"type": "next", "payload": {"data": {"orderUpdated": order}}}


DELIVERED = [version(3, "DELIVERED"), {"type": "complete"}]


@asynccontextmanager
async def watching(script: Script, folder: Path) -> AsyncIterator[tuple[Socket, list[int], list[dict[str, Any]]]]:
    """A running socket before a notifier of a few lines; what it told, and what it was asked."""
    asked: list[dict[str, Any]] = []
    seen: list[int] = []

    async def answer(socket: ServerConnection) -> None:
        async for raw in socket:
            message = json.loads(raw)
            asked.append(message)
            if message["type"] == "connection_init":
                await socket.send('{"type":"connection_ack"}')
            if message["type"] == "subscribe":
                for frame in script[message["payload"]["variables"]["after"]]:
                    if frame is HANG_UP:
                        return
                    await socket.send(json.dumps(frame | {"id": message["id"]}))

    async with serve(answer, "127.0.0.1", 0, subprotocols=[PROTOCOL]) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        with Recorder(folder / "ada.jsonl", "ada") as recorder:
            told = lambda _story, order, _now: seen.append(order["version"])  # noqa: E731
            socket = Socket(f"http://127.0.0.1:{port}/graphql", ADA, recorder, told)
            running = asyncio.create_task(socket.run())
            yield socket, seen, asked
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running


async def until(condition: Callable[[], object], seconds: float = 5.0) -> None:
    """Poll on the event loop."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        await asyncio.sleep(0.01)


async def followed(script: Script, folder: Path) -> tuple[Story, list[int]]:
    """Watch order o-1 until the server says that all is told."""
    story = Story(0, Wish(), "key-0001", 0.0, id="o-1")
    async with watching(script, folder) as (socket, seen, _):
        await socket.watch(story)
        await until(lambda: story.closed)
    return story, seen


def told(folder: Path) -> list[tuple[str, object]]:
    """The history: watches with their cursor, pushes with their version, ends."""
    shown: list[tuple[str, object]] = []
    for line in list(lines(folder / "ada.jsonl"))[1:]:
        about = {"watch": line.after, "push": line.shown and line.shown.version, "end": line.outcome}
        shown.append((line.kind, about[line.kind]))
    return shown


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits before trying again."""
    monkeypatch.setattr(sockets, "AGAIN_SECONDS", (0.0, 0.0))


async def test_order_is_followed_to_its_end(tmp_path: Path) -> None:
    """Each version once, and the end as the server says it."""
    story, seen = await followed({0: [version(1), version(2), *DELIVERED]}, tmp_path)
    assert (seen, story.over, story.ending) == ([1, 2, 3], True, "DELIVERED")
    assert told(tmp_path) == [("watch", 0), ("push", 1), ("push", 2), ("push", 3), ("end", "complete")]


async def test_lost_socket_resumes(tmp_path: Path) -> None:
    """Behind the last version, as a watch of its own."""
    _, seen = await followed({0: [version(1), version(2), HANG_UP], 2: DELIVERED}, tmp_path)
    assert seen == [1, 2, 3]
    cut = [("watch", 0), ("push", 1), ("push", 2), ("end", "lost")]
    assert told(tmp_path) == [*cut, ("watch", 2), ("push", 3), ("end", "complete")]


async def test_repeat_is_written_down(tmp_path: Path) -> None:
    """What the server pushes twice is told to nobody twice, and the check shall see it."""
    _, seen = await followed({0: [version(1), version(1), version(2), *DELIVERED]}, tmp_path)
    assert seen == [1, 2, 3]
    assert told(tmp_path).count(("push", 1)) == 2


async def test_refused_watch_is_tried_again(tmp_path: Path) -> None:
    """Of one's own order: it was acknowledged, so it must be there."""
    refused = {"type": "error", "payload": [{"message": "none", "extensions": {"code": "ORDER_NOT_FOUND"}}]}
    _, seen = await followed({0: [version(1), version(2), refused], 2: DELIVERED}, tmp_path)
    assert seen == [1, 2, 3]
    assert ("end", "refused") in told(tmp_path)


async def test_stranger_asks_once(tmp_path: Path) -> None:
    """A watch of somebody else's order is given up when it is refused."""
    refused = {"type": "error", "payload": [{"message": "none", "extensions": {"code": "ORDER_NOT_FOUND"}}]}
    async with watching({0: [refused]}, tmp_path) as (socket, seen, asked):
        await until(lambda: asked)
        await until(lambda: socket.connected)
        await socket.peep("o-1")
        await until(lambda: ("end", "refused") in told(tmp_path))
    assert told(tmp_path) == [("watch", 0), ("end", "refused")]
    assert seen == []
