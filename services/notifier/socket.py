"""The protocol `graphql-transport-ws`, server side, to the letter.

Source: https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md
"""

from __future__ import annotations

import asyncio
import time
from typing import Annotated, Any

import msgspec
from starlette.types import Receive, Scope, Send

from chassis.telemetry import log
from notifier import metrics
from notifier.channel import Stream
from notifier.domain import Principal
from notifier.hub import Hub
from notifier.operations import Errors, Operations, Refusal, Watch, error
from notifier.outlet import Outlet
from notifier.tokens import Denied, Verify

PROTOCOL = "graphql-transport-ws"
INIT_SECONDS = 10.0  # for connection_init to come
MAX_OPERATIONS = 1000  # running at once on one socket

INVALID_MESSAGE = 4400
UNAUTHORIZED = 4401
FORBIDDEN = 4403
BAD_SUBPROTOCOL = 4406
INIT_TIMEOUT = 4408
DUPLICATE_ID = 4409
TOO_MANY_INITS = 4429
INTERNAL_ERROR = 4500

OperationId = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
_Payload = dict[str, Any] | None


class _Init(msgspec.Struct, tag="connection_init", tag_field="type"):
    payload: _Payload = None


class _Ping(msgspec.Struct, tag="ping", tag_field="type"):
    payload: _Payload = None


class _Pong(msgspec.Struct, tag="pong", tag_field="type"):
    payload: _Payload = None


class _Request(msgspec.Struct, rename="camel"):
    query: str
    operation_name: str | None = None
    variables: _Payload = None
    extensions: _Payload = None


class _Subscribe(msgspec.Struct, tag="subscribe", tag_field="type"):
    id: OperationId
    payload: _Request


class _Complete(msgspec.Struct, tag="complete", tag_field="type"):
    id: OperationId


_decode = msgspec.json.Decoder(_Init | _Ping | _Pong | _Subscribe | _Complete).decode
_encode = msgspec.json.Encoder().encode


class Operation(Stream):
    """A stream with its id on a socket."""

    __slots__ = ("connection", "id")

    def __init__(self, connection: Connection, id_: str, watch: Watch, principal: Principal) -> None:
        super().__init__(watch, principal)
        self.connection = connection
        self.id = id_

    def next(self, body: str, committed: float) -> None:
        metrics.pushes.inc()
        self.connection.outlet.put(f'{{"id":{_text(self.id)},"type":"next","payload":{body}}}', committed)

    def fail(self, code: str, message: str) -> None:
        self.connection.finish(self)
        self.connection.refuse(self.id, [error(message, code)])

    def complete(self) -> None:
        self.connection.finish(self)
        self.connection.outlet.put(f'{{"id":{_text(self.id)},"type":"complete"}}')

    def congested(self) -> bool:
        return self.connection.outlet.congested()

    def defer(self) -> None:
        self.connection.deferred.append(self)


class Connection:
    """One socket from its acceptance to its end."""

    def __init__(self, send: Send, server: Endpoint) -> None:
        self.outlet = Outlet(send, self._room)
        self.deferred: list[Operation] = []
        self._server = server
        self._operations: dict[str, Operation] = {}
        self._principal: Principal | None = None
        self._timer = self._close_after(server.init_seconds, INIT_TIMEOUT, "Connection initialisation timeout")

    async def run(self, receive: Receive) -> None:
        """Until the peer is gone or the socket is closed from this side."""
        try:
            while (message := await receive())["type"] == "websocket.receive":
                if not self.outlet.closing:
                    self._take(message.get("text"))
        finally:
            self._timer.cancel()
            self.outlet.cut()
            for operation in tuple(self._operations.values()):
                self.finish(operation)

    def refuse(self, id_: str, errors: Errors) -> None:
        """The protocol's `error`: the operation is over."""
        self.outlet.put(_encode({"id": id_, "type": "error", "payload": errors}).decode())

    def finish(self, operation: Operation) -> None:
        """Forget an operation, whoever ended it."""
        if self._operations.pop(operation.id, None) is not None:
            metrics.subscriptions.dec()
        self._server.hub.leave(operation)

    def _take(self, text: str | None) -> None:
        """One frame from the client: whatever is wrong with it, or with us, has a close code."""
        try:
            message = _decode(text or "")
        except (ValueError, RecursionError) as fault:
            self.outlet.close(INVALID_MESSAGE, f"Invalid message: {fault}" if text else "Invalid message: not text")
            return
        try:
            self._dispatch(message)
        except Exception:
            log.exception("a message could not be handled", event_key="message.failed")
            self.outlet.close(INTERNAL_ERROR, "Internal server error")

    def _dispatch(self, message: _Init | _Ping | _Pong | _Subscribe | _Complete) -> None:
        match message:
            case _Subscribe():
                self._subscribe(message)
            case _Complete():
                if (operation := self._operations.get(message.id)) is not None:
                    self.finish(operation)
            case _Ping():
                payload = {} if message.payload is None else {"payload": message.payload}
                self.outlet.put(_encode({"type": "pong", **payload}).decode())
            case _Init():
                self._init(message.payload)

    def _init(self, payload: _Payload) -> None:
        if self._principal is not None:
            self.outlet.close(TOO_MANY_INITS, "Too many initialisation requests")
            return
        try:
            principal, expires = self._server.verify(payload)
        except Denied:
            self.outlet.close(FORBIDDEN, "Forbidden")
            return
        self._timer.cancel()
        self._principal = principal
        self._timer = self._close_after(max(0.0, expires - time.time()), FORBIDDEN, "Token expired")
        self.outlet.put('{"type":"connection_ack"}')

    def _subscribe(self, message: _Subscribe) -> None:
        if self._principal is None:
            self.outlet.close(UNAUTHORIZED, "Unauthorized")
            return
        if message.id in self._operations:
            self.outlet.close(DUPLICATE_ID, f"Subscriber for {message.id} already exists")
            return
        if len(self._operations) >= MAX_OPERATIONS:
            limit = f"At most {MAX_OPERATIONS} operations run on one socket; open another."
            self.refuse(message.id, [error(limit, "TOO_MANY_OPERATIONS")])
            return
        request = message.payload
        try:
            watch = self._server.operations.watch(request.query, request.operation_name, request.variables)
        except Refusal as refusal:
            self.refuse(message.id, refusal.errors)
            return
        operation = self._operations[message.id] = Operation(self, message.id, watch, self._principal)
        metrics.subscriptions.inc()
        self._server.hub.join(watch.order_id, operation)

    def _close_after(self, seconds: float, code: int, reason: str) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(seconds, self.outlet.close, code, reason)

    def _room(self) -> None:
        deferred, self.deferred = self.deferred, []
        for operation in deferred:
            self._server.hub.resume(operation)


class Endpoint:
    """The ASGI endpoint for the socket."""

    def __init__(self, hub: Hub, operations: Operations, verify: Verify, init_seconds: float = INIT_SECONDS) -> None:
        self.hub = hub
        self.operations = operations
        self.verify = verify
        self.init_seconds = init_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()  # websocket.connect
        if PROTOCOL not in scope["subprotocols"]:
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.close", "code": BAD_SUBPROTOCOL, "reason": "Subprotocol not acceptable"})
            return
        await send({"type": "websocket.accept", "subprotocol": PROTOCOL})
        metrics.connections.inc()
        try:
            await Connection(send, self).run(receive)
        finally:
            metrics.connections.dec()


def _text(value: str) -> str:
    return _encode(value).decode()
