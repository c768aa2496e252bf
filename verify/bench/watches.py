"""Many `orderUpdated` subscriptions over one socket (graphql-transport-ws)."""

import asyncio
import time
from collections.abc import Callable

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

DOCUMENT = (
    "subscription W($orderId: ID!, $after: Int!) "
    "{ orderUpdated(orderId: $orderId, after: $after) { id version status courierId } }"
)


class Push(msgspec.Struct):
    """One version of an order as it reached the client."""

    id: str
    version: int
    status: str
    courierId: str | None  # noqa: N815 - the schema's own name


class Data(msgspec.Struct):
    orderUpdated: Push | None = None  # noqa: N815 - the schema's own name


class Payload(msgspec.Struct):
    data: Data | None = None
    errors: msgspec.Raw = msgspec.Raw(b"")


class Frame(msgspec.Struct):
    """A frame of the protocol; `payload` of an `error` frame is a list, so it is decoded when needed."""

    type: str
    id: str = ""
    payload: msgspec.Raw = msgspec.Raw(b"")


Seen = Callable[[Push, float], None]
Ended = Callable[[str, str | None], None]

frames = msgspec.json.Decoder(Frame)
payloads = msgspec.json.Decoder(Payload)


class Watches:
    """One socket of one principal. `seen(push, unix time)` runs for every version, `ended(order, error)` at the end."""

    def __init__(self, url: str, token: str, seen: Seen, ended: Ended) -> None:
        self._url = "ws" + url.removeprefix("http")
        self._token = token
        self._seen = seen
        self._ended = ended
        self._socket: ClientConnection | None = None
        self._reader: asyncio.Task[None] | None = None
        self.failure: str | None = None

    async def open(self) -> None:
        """Connect and present the token. Raises ConnectionError when the notifier does not acknowledge."""
        protocol = Subprotocol("graphql-transport-ws")
        self._socket = await connect(
            self._url, subprotocols=[protocol], compression=None, max_queue=None, ping_interval=None
        )
        await self._send({"type": "connection_init", "payload": {"authorization": f"Bearer {self._token}"}})
        answer = frames.decode(await asyncio.wait_for(self._socket.recv(decode=False), 10))
        if answer.type != "connection_ack":
            raise ConnectionError(f"the notifier answered {answer.type} to connection_init")
        self._reader = asyncio.create_task(self._read())

    async def watch(self, order: str) -> None:
        """Subscribe to every version of `order`, from the first; the order's id is the operation's id."""
        variables = {"orderId": order, "after": 0}
        await self._send({"type": "subscribe", "id": order, "payload": {"query": DOCUMENT, "variables": variables}})

    async def _send(self, message: dict[str, object]) -> None:
        assert self._socket is not None
        await self._socket.send(msgspec.json.encode(message), text=True)

    async def _read(self) -> None:
        assert self._socket is not None
        try:
            async for raw in self._socket:
                await self._take(frames.decode(raw), time.time())
        except ConnectionClosed as closed:
            self.failure = f"a subscription's socket was closed: {closed}"

    async def _take(self, frame: Frame, now: float) -> None:
        if frame.type == "next":
            payload = payloads.decode(frame.payload)
            if payload.data is None or payload.data.orderUpdated is None:
                self._ended(frame.id, bytes(payload.errors).decode())
            else:
                self._seen(payload.data.orderUpdated, now)
        elif frame.type == "complete":
            self._ended(frame.id, None)
        elif frame.type == "error":
            self._ended(frame.id, bytes(frame.payload).decode())
        elif frame.type == "ping":
            await self._send({"type": "pong"})

    async def close(self) -> None:
        """Stop reading and close the socket."""
        if self._reader is not None:
            self._reader.cancel()
        if self._socket is not None:
            await self._socket.close()
