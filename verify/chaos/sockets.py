"""All watches of one customer on one socket, which is opened again whenever it breaks, each behind its last version."""

import asyncio
import random
import time
from collections.abc import Callable

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from bench.watches import Frame, frames
from chaos.desk import Principal
from chaos.operations import WATCH, Shape
from chaos.stories import Story
from check.history import Recorder, Watch

PROTOCOL = Subprotocol("graphql-transport-ws")
AGAIN_SECONDS = (0.1, 0.6)
STRANGER = "stranger "  # begins the id of a watch on somebody else's order
PING_SECONDS = 5.0  # a frozen server is noticed, as a browser's client would

Told = Callable[[Story, Shape, float], None]


class Socket:
    """`told` runs for every version of every order, once."""

    def __init__(self, url: str, who: Principal, recorder: Recorder, told: Told) -> None:
        self._url = "ws" + url.removeprefix("http")
        self._who = who
        self._recorder = recorder
        self._told = told
        self._stories: dict[str, Story] = {}
        self._watches: dict[str, Watch] = {}
        self._socket: ClientConnection | None = None
        self._strangers: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def connected(self) -> bool:
        """Acknowledged, and not lost since."""
        return self._socket is not None

    async def run(self) -> None:
        """Stay connected, until cancelled."""
        while True:
            why = "closed"
            try:
                await self._connected()
            except (OSError, WebSocketException, TimeoutError, msgspec.MsgspecError) as error:
                why = f"{type(error).__name__}: {error}"[:200]
            finally:
                self._lost(why)
            await asyncio.sleep(random.uniform(*AGAIN_SECONDS))

    async def watch(self, story: Story) -> None:
        """Every version from now on, behind those that were seen."""
        self._stories[story.id] = story
        await self._subscribe(story.id, story.id, story.version)

    async def peep(self, order: str) -> None:
        """Try to watch somebody else's order, once."""
        self._strangers.add(order)
        await self._subscribe(STRANGER + order, order, 0)

    async def _connected(self) -> None:
        opening = connect(
            self._url,
            subprotocols=[PROTOCOL],
            compression=None,
            max_queue=None,
            open_timeout=PING_SECONDS,
            ping_interval=PING_SECONDS,
            ping_timeout=PING_SECONDS,
            close_timeout=1,
        )
        async with opening as socket:
            await _send(socket, type="connection_init", payload={"authorization": f"Bearer {self._who.token}"})
            async with asyncio.timeout(PING_SECONDS):
                greeting = frames.decode(await socket.recv(decode=False))
            if greeting.type != "connection_ack":
                raise TimeoutError(f"the notifier answered {greeting.type} to connection_init")
            self._socket = socket
            for story in list(self._stories.values()):
                await self._subscribe(story.id, story.id, story.version)
            async for raw in socket:
                await self._take(frames.decode(raw), time.time())

    async def _subscribe(self, name: str, order: str, after: int) -> None:
        """On the socket, when there is one and it is not watched yet."""
        if self._socket is None or name in self._watches:
            return
        self._watches[name] = self._recorder.watch(self._who.name, self._who.role, order, after)
        query = {"query": WATCH, "variables": {"orderId": order, "after": after}}
        try:
            await _send(self._socket, type="subscribe", id=name, payload=query)
        except WebSocketException:
            return  # the reader finds out, and all is asked for again

    async def _take(self, frame: Frame, now: float) -> None:
        if frame.type == "ping" and self._socket is not None:
            await _send(self._socket, type="pong")
        watch = self._watches.get(frame.id)
        if watch is None:
            return
        if frame.type == "next":
            self._push(frame, watch, now)
        elif frame.type == "complete":
            self._end(frame.id, "complete", "")
            if story := self._stories.pop(frame.id, None):
                story.closed = True
        elif frame.type == "error":
            self._end(frame.id, "refused", bytes(frame.payload).decode()[:200])
            self._again(frame.id)

    def _push(self, frame: Frame, watch: Watch, now: float) -> None:
        order: Shape = msgspec.json.decode(frame.payload)["data"]["orderUpdated"]
        watch.push(order)
        story = self._stories.get(frame.id)
        if story is not None and order["version"] > story.version:
            story.see(order, now)
            self._told(story, order, now)

    def _again(self, name: str) -> None:
        """A refused watch of one's own order is asked for again; the check says whether it should have been."""

        async def later(story: Story) -> None:
            await asyncio.sleep(AGAIN_SECONDS[1])
            await self._subscribe(story.id, story.id, story.version)

        if story := self._stories.get(name):
            task = asyncio.create_task(later(story))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _end(self, name: str, how: str, code: str) -> None:
        self._watches.pop(name).end(how, code)

    def _lost(self, why: str) -> None:
        self._socket = None
        for name in list(self._watches):
            self._end(name, "lost", why)


async def _send(socket: ClientConnection, **message: object) -> None:
    await socket.send(msgspec.json.encode(message), text=True)
