"""The process's main part: everything that lives on the event loop, and the way to it from the feed's thread."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence

import uvicorn
import uvloop

from chassis.database import AsyncDatabase
from chassis.envelope import Record
from notifier.hub import Hub

BEAT_SECONDS = 5.0
STUCK_SECONDS = 60.0


class Server(uvicorn.Server):
    """uvicorn without signal handlers of its own: the process has them. `on_shutdown` is called before it waits."""

    def __init__(self, config: uvicorn.Config, on_shutdown: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_shutdown = on_shutdown

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Closes what is idle, waits a moment for the rest."""
        self._on_shutdown()
        await super().shutdown(sockets)


class Bridge:
    """From the feed's thread to the event loop: one wake-up for each batch that anybody here wants."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self.loop: asyncio.AbstractEventLoop | None = None

    def on_records(self, records: Sequence[Record]) -> None:
        """In the feed's thread."""
        wanted = [record for record in records if self._hub.follows(record.key)]
        if wanted:
            self._call(self._hub.deliver, wanted)

    def on_reset(self) -> None:
        """In the feed's thread."""
        self._call(self._hub.resync)

    def _call(self, function: Callable[..., None], *args: object) -> None:
        if self.loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has just been closed: nobody is subscribed any more
                self.loop.call_soon_threadsafe(function, *args)


class Gateway:
    """The process's main part: sockets, hub and database pool on one event loop."""

    def __init__(self, server: Server, hub: Hub, bridge: Bridge, database: AsyncDatabase) -> None:
        self._server = server
        self._hub = hub
        self._bridge = bridge
        self._database = database
        self._beat = time.monotonic()

    def run(self) -> None:
        """Blocks until `stop`; then sockets are closed with 1012 ("service restart") and polls answered with 503, so
        that clients come back."""
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._main())

    def stop(self) -> None:
        """From a signal handler."""
        self._server.should_exit = True

    def alive(self) -> bool:
        """The event loop turns."""
        return time.monotonic() - self._beat < STUCK_SECONDS

    def ready(self) -> str | None:
        """None while sockets are accepted and the journal can be read."""
        return self._hub.trouble if self._server.started else "not listening yet"

    async def _main(self) -> None:
        self._bridge.loop = asyncio.get_running_loop()
        self._hub.resync()
        await self._database.open()
        try:
            async with background(self._hub.run(), self._turn()):
                await self._server.serve()
        finally:
            self._bridge.loop = None
            await self._database.close()

    async def _turn(self) -> None:
        while True:
            self._beat = time.monotonic()
            await asyncio.sleep(BEAT_SECONDS)


@contextlib.asynccontextmanager
async def background(*coroutines: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Tasks that run as long as the block does; one that fails ends the block with its error."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(coroutine) for coroutine in coroutines]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
