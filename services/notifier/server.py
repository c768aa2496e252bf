"""The web server: a WebSocket and a long poll under uvicorn."""

from __future__ import annotations

import asyncio

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from chassis import problems
from notifier import metrics
from notifier.polling import Polls, told
from notifier.socket import Endpoint

MAX_MESSAGE_BYTES = 64 * 1024
PING_SECONDS = 20.0  # finds peers that vanished without a word
STALL_SECONDS = 30.0  # a reader has this long to take what the transport holds (64 KiB), then the socket is closed
GRACE_SECONDS = 5.0  # for the close frame to be read, then the connection is cut
# Longer than the edge keeps an idle connection (2 min): else it writes into one that is being closed.
KEEP_SECONDS = 150
SLOW_READER = 1013  # "try again later": stock clients come back, with their cursor


class Protocol(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket that does not wait for ever for a reader that has stopped."""

    stall_seconds = STALL_SECONDS
    grace_seconds = GRACE_SECONDS
    _stall: asyncio.TimerHandle | None = None

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stall = self.loop.call_later(self.stall_seconds, self._close_slow_reader)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._forget_stall()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_stall()
        super().connection_lost(exc)

    def _forget_stall(self) -> None:
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None

    def _close_slow_reader(self) -> None:
        if self.close_sent:
            self.transport.abort()
            return
        metrics.closed.labels(str(SLOW_READER)).inc()
        self.queue.put_nowait({"type": "websocket.disconnect", "code": SLOW_READER, "reason": "Slow reader"})
        self.conn.send_close(SLOW_READER, "Slow reader")
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self._stall = self.loop.call_later(self.grace_seconds, self.transport.abort)


async def refuse(_: Request, error: Exception) -> Response:
    """What the router refuses."""
    if not isinstance(error, HTTPException):
        raise error
    return told(problems.of_status(error.status_code, headers=error.headers))


def application(endpoint: Endpoint, polls: Polls) -> Starlette:
    """The ASGI application."""
    routes = [WebSocketRoute("/graphql", endpoint), Route("/orders/{order_id}", polls.__call__, methods=["GET"])]
    return Starlette(routes=routes, exception_handlers={HTTPException: refuse})


def config(application: Starlette, host: str, port: int, protocol: type[Protocol] = Protocol) -> uvicorn.Config:
    """uvicorn's settings: no compression (frames are small, and it costs memory per connection)."""
    return uvicorn.Config(
        application,
        host=host,
        port=port,
        loop="uvloop",
        http="httptools",
        ws=protocol,
        ws_max_size=MAX_MESSAGE_BYTES,
        ws_per_message_deflate=False,
        ws_ping_interval=PING_SECONDS,
        ws_ping_timeout=PING_SECONDS,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=4096,
        timeout_keep_alive=KEEP_SECONDS,
        timeout_graceful_shutdown=5,
    )
