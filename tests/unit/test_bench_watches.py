"""Many watches on one socket, against a notifier of a few lines."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

from bench.watches import Push, Watches

PROTOCOL = Subprotocol("graphql-transport-ws")


class Seen:
    """What the load was told."""

    def __init__(self) -> None:
        self.pushes: list[tuple[str, int, str]] = []
        self.ended: dict[str, str | None] = {}
        self.changed = asyncio.Event()

    def push(self, push: Push, now: float) -> None:
        assert now > 0
        self.pushes.append((push.id, push.version, push.status))

    def end(self, order: str, error: str | None) -> None:
        self.ended[order] = error
        self.changed.set()

    async def until_ended(self, count: int) -> None:
        async with asyncio.timeout(5):
            while len(self.ended) < count:
                self.changed.clear()
                await self.changed.wait()


@asynccontextmanager
async def notifier(frames: dict[str, list[dict[str, Any]]]) -> AsyncIterator[tuple[Watches, Seen]]:
    """Answers each subscription to an order with its frames."""

    async def answer(socket: ServerConnection) -> None:
        async for raw in socket:
            message = json.loads(raw)
            if message["type"] == "connection_init":
                assert message["payload"] == {"authorization": "Bearer t0ken"}
                await socket.send('{"type":"connection_ack"}')
                await socket.send('{"type":"ping"}')
            if message["type"] == "subscribe":
                for frame in frames[message["payload"]["variables"]["orderId"]]:
                    await socket.send(json.dumps(frame | {"id": message["id"]}))

    async with serve(answer, "127.0.0.1", 0, subprotocols=[PROTOCOL]) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        seen = Seen()
        watches = Watches(f"http://127.0.0.1:{port}/graphql", "t0ken", seen.push, seen.end)
        await watches.open()
        yield watches, seen
        await watches.close()


def version(order: str, number: int, status: str) -> dict[str, Any]:
    data = {"id": order, "version": number, "status": status, "courierId": None}
    return {"type": "next", "payload": {"data": {"orderUpdated": data}}}


COMPLETE = {"type": "complete"}


async def test_orders_share_one_socket() -> None:
    """Each push reaches the load with its order, and each order ends by itself."""
    frames = {
        "a": [version("a", 1, "PLACED"), COMPLETE],
        "b": [version("b", 1, "PLACED"), version("b", 2, "PAID"), COMPLETE],
    }
    async with notifier(frames) as (watches, seen):
        await watches.watch("a")
        await watches.watch("b")
        await seen.until_ended(2)
    assert sorted(seen.pushes) == [("a", 1, "PLACED"), ("b", 1, "PLACED"), ("b", 2, "PAID")]
    assert seen.ended == {"a": None, "b": None}


async def test_refused_watch_ends_with_its_error() -> None:
    """An error frame is the end of that order alone."""
    frames = {
        "a": [{"type": "error", "payload": [{"message": "not yours"}]}],
        "b": [version("b", 1, "PLACED"), COMPLETE],
    }
    async with notifier(frames) as (watches, seen):
        await watches.watch("a")
        await watches.watch("b")
        await seen.until_ended(2)
    assert "not yours" in str(seen.ended["a"])
    assert seen.ended["b"] is None


async def test_push_with_errors_ends_the_watch() -> None:
    """A `next` frame without an order is a fault, not a version."""
    frames = {"a": [{"type": "next", "payload": {"data": None, "errors": [{"message": "masked"}]}}]}
    async with notifier(frames) as (watches, seen):
        await watches.watch("a")
        await seen.until_ended(1)
    assert "masked" in str(seen.ended["a"])
