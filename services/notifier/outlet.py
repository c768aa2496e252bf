"""The sending side of one WebSocket: a bounded queue, and a task that lives only while there is something to send."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable

from starlette.types import Send

from notifier import metrics

# What may wait for a reader beyond the transport's own buffer: about 300 versions.
LIMIT_BYTES = 256 * 1024
REASON_BYTES = 123  # RFC 6455: a control frame has 125 bytes, two of them the code


class Outlet:
    """Frames leave in the order they were put. Belongs to the event loop."""

    __slots__ = ("_bytes", "_closing", "_on_room", "_queue", "_send", "_task", "dead")

    def __init__(self, send: Send, on_room: Callable[[], None]) -> None:
        self._send = send
        self._on_room = on_room
        self._queue: deque[tuple[str, float]] = deque()
        self._bytes = 0
        self._closing: tuple[int, str] | None = None
        self._task: asyncio.Task[None] | None = None
        self.dead = False

    def put(self, text: str, committed: float = 0.0) -> None:
        """Send a text frame after those before it. `committed`: Unix time of a live version's commit, else 0."""
        if self.dead or self._closing is not None:
            return
        self._queue.append((text, committed))
        self._bytes += len(text)
        self._wake()

    def close(self, code: int, reason: str) -> None:
        """Close after the frames already put; what comes later is dropped. The first close wins."""
        if self._closing is None and not self.dead:
            metrics.closed.labels(str(code)).inc()
            self._closing = (code, reason.encode()[:REASON_BYTES].decode(errors="ignore"))
            self._wake()

    def congested(self) -> bool:
        """True while the reader should be given no more versions; `on_room` is called when the queue has emptied."""
        return self._bytes > LIMIT_BYTES

    def cut(self) -> None:
        """The connection is gone."""
        self.dead = True
        self._queue.clear()
        if self._task is not None:
            self._task.cancel()

    @property
    def closing(self) -> bool:
        """True once nothing more will be sent."""
        return self.dead or self._closing is not None

    def _wake(self) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._flush())

    async def _flush(self) -> None:
        try:
            while self._queue:
                text, committed = self._queue.popleft()
                await self._send({"type": "websocket.send", "text": text})
                self._bytes -= len(text)
                if committed:
                    metrics.push_age.observe(time.time() - committed)
            if self._closing is not None:
                code, reason = self._closing
                self.dead = True
                await self._send({"type": "websocket.close", "code": code, "reason": reason})
        except (OSError, RuntimeError):  # uvicorn: the peer is gone, or the transport has been closed under us
            self.dead = True
            self._queue.clear()
        finally:
            self._task = None
        if not self.dead:
            self._on_room()
