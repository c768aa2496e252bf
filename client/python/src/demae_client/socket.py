"""One WebSocket with many subscriptions on it, over `graphql-transport-ws`, that comes back when it is lost."""

import asyncio
import itertools
import json
import random
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress
from typing import Any, NoReturn, cast

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI
from websockets.typing import Subprotocol

from demae_client.documents import ORDER_FIELDS, Order, order_updated
from demae_client.errors import DemaeError, Gap, Lost, Refused, RequestError, Unreachable

PROTOCOL = Subprotocol("graphql-transport-ws")
# Closed like this, the next attempt would be closed like this: bad message, no init, forbidden, wrong protocol, ids.
FINAL_CODES = frozenset({4400, 4401, 4403, 4406, 4409, 4429, 4500})
ACK_SECONDS = 10.0
FIRST_BACKOFF_SECONDS = 0.1
LAST_BACKOFF_SECONDS = 5.0


def first_error(errors: Any) -> RequestError:
    """A GraphQL `errors` list as the exception for its first entry."""
    entry = errors[0] if isinstance(errors, list) and errors else {}
    code = (entry.get("extensions") or {}).get("code", "INTERNAL")
    return RequestError(code, entry.get("message", "no message"))


class _Link:
    """One live connection: a reader task hands each message to the operation it belongs to."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._inboxes: dict[str, asyncio.Queue[dict[str, Any] | DemaeError]] = {}
        self._numbers = itertools.count(1)
        self.ended: DemaeError | None = None
        self.delivered = False
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def open(cls, url: str, token: str) -> "_Link":
        """Connected and acknowledged; raises Lost or Refused."""
        try:
            connection = await connect(
                url, subprotocols=[PROTOCOL], compression=None, open_timeout=ACK_SECONDS, max_size=2**22
            )
        except (OSError, InvalidHandshake, TimeoutError) as error:
            raise Lost(None, f"{url}: {error}") from error
        except InvalidURI as error:
            raise Refused(0, str(error)) from error
        try:
            init = {"type": "connection_init", "payload": {"authorization": f"Bearer {token}"}}
            async with asyncio.timeout(ACK_SECONDS):
                await connection.send(json.dumps(init))
                while json.loads(await connection.recv())["type"] != "connection_ack":
                    pass
        except ConnectionClosed as closed:
            raise _closed(closed) from closed
        except TimeoutError as error:
            await connection.close()
            raise Lost(None, f"{url}: no connection_ack in {ACK_SECONDS:.0f} s") from error
        return cls(connection)

    async def subscribe(self, query: str, variables: Mapping[str, Any]) -> AsyncGenerator[dict[str, Any]]:
        """Yields each `data`; ends at `complete`; raises RequestError, Lost or Refused."""
        number = str(next(self._numbers))
        inbox = self._inboxes[number] = asyncio.Queue()
        finished = False
        try:
            await self._send({"id": number, "type": "subscribe", "payload": {"query": query, "variables": variables}})
            while True:
                message = await inbox.get()
                if isinstance(message, DemaeError):
                    finished = True
                    raise message
                if message["type"] == "complete":
                    finished = True
                    return
                yield _data(message)
        finally:
            del self._inboxes[number]
            if not finished:
                with suppress(DemaeError):  # nobody is there to be told
                    await self._send({"id": number, "type": "complete"})

    async def close(self) -> None:
        """Says goodbye; operations still running end with Lost."""
        await self._connection.close()
        await self._reader

    async def _send(self, message: dict[str, Any]) -> None:
        if self.ended is not None:
            raise self.ended
        try:
            await self._connection.send(json.dumps(message))
        except ConnectionClosed as closed:
            self.ended = _closed(
                closed
            )  # at once: the reader may not have had its turn, and this link must not be used
            raise self.ended from closed

    async def _read(self) -> None:
        try:
            while True:
                message = json.loads(await self._connection.recv())
                if message["type"] == "ping":
                    await self._connection.send('{"type":"pong"}')
                elif inbox := self._inboxes.get(message.get("id", "")):
                    self.delivered = True
                    inbox.put_nowait(message)
        except ConnectionClosed as closed:
            self.ended = _closed(closed)
        except (ValueError, KeyError, TypeError) as error:
            self.ended = Refused(0, f"the server sent no graphql-transport-ws message: {error!r}")
            await self._connection.close()
        for inbox in self._inboxes.values():
            inbox.put_nowait(self.ended)


def _closed(closed: ConnectionClosed) -> DemaeError:
    frame = closed.rcvd or closed.sent
    code, reason = (frame.code, frame.reason) if frame else (1006, "no close frame")
    return Refused(code, reason) if code in FINAL_CODES else Lost(code, reason)


def _data(message: dict[str, Any]) -> dict[str, Any]:
    payload = message["payload"]
    if message["type"] == "error":
        raise first_error(payload)
    if payload.get("errors"):
        raise first_error(payload["errors"])
    return cast(dict[str, Any], payload["data"])


class Socket:
    """Many subscriptions over one WebSocket: opened by the first one, again after a loss, with jittered back-off.

    All subscriptions share the one attempt that is under way, so a lost server sees one reconnect per socket, not one
    per subscription. Use as an async context manager, or call `close`.
    """

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._token = token
        self._link: _Link | None = None
        self._opening: asyncio.Task[_Link] | None = None
        self._failures = 0
        self._closing = False

    async def __aenter__(self) -> "Socket":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connection for good; watches still running end with Unreachable."""
        self._closing = True
        if self._opening is not None:
            self._opening.cancel()
            await asyncio.gather(self._opening, return_exceptions=True)
        if self._link is not None:
            await self._link.close()

    async def subscribe(self, query: str, variables: Mapping[str, Any]) -> AsyncGenerator[dict[str, Any]]:
        """One subscription, one life: yields each `data`, ends at `complete`.

        Raises RequestError (refused), Lost (ask again with a moved cursor), Refused (do not ask again).
        """
        link = await self._connected()
        async with aclosing(link.subscribe(query, variables)) as messages:
            async for data in messages:
                yield data

    async def watch(
        self, order_id: str, after: int = 0, *, attempts: int | None = None, fields: str = ORDER_FIELDS
    ) -> AsyncGenerator[Order]:
        """Every version of the order after `after`, each once, in order; ends when the order is settled.

        Reconnects for ever, or gives up with Unreachable after `attempts` losses in a row without a version between.
        Raises Gap when the server skips or repeats one, RequestError when the order is not yours or unknown, Refused
        when the token is not accepted or has expired. `fields` is the selection set (of GraphQL `Order`).
        """
        query, cursor, losses = order_updated(fields), after, 0
        while True:
            try:
                async with aclosing(self._versions(query, order_id, cursor)) as versions:
                    async for order in versions:
                        cursor, losses = order["version"], 0
                        yield order
            except Lost as lost:
                losses += 1
                if attempts is not None and losses > attempts:
                    _give_up(losses, lost)
            else:
                return

    async def _versions(self, query: str, order_id: str, cursor: int) -> AsyncGenerator[Order]:
        """One subscription's versions, held to the server's word."""
        async with aclosing(self.subscribe(query, {"orderId": order_id, "after": cursor})) as messages:
            async for data in messages:
                order = cast(Order, data["orderUpdated"])
                if order["version"] != cursor + 1:
                    raise Gap(order_id, cursor + 1, order["version"])
                cursor += 1
                yield order

    async def _connected(self) -> _Link:
        if self._closing:
            raise Unreachable("this socket was closed by its owner")
        if self._link is not None and self._link.ended is None:
            return self._link
        if self._opening is None:
            self._opening = asyncio.create_task(self._open())
            self._opening.add_done_callback(_seen)
        return await asyncio.shield(self._opening)

    async def _open(self) -> _Link:
        try:
            if self._link is not None:
                self._failures = 1 if self._link.delivered else self._failures + 1
                self._link = None
            if self._failures:
                # The jitter starts with the first loss: a server that restarts loses everybody at the same moment.
                ceiling = min(LAST_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2 ** (self._failures - 1))
                await asyncio.sleep(random.uniform(0, ceiling))  # noqa: S311 (jitter, not a secret)
            self._link = await _Link.open(self._url, self._token)
        except Lost:
            self._failures += 1
            raise
        else:
            return self._link
        finally:
            self._opening = None


def _seen(opening: asyncio.Task[_Link]) -> None:
    """Everybody who waited may have been cancelled: then nobody else looks at the exception."""
    if not opening.cancelled():
        opening.exception()


def _give_up(losses: int, lost: Lost) -> NoReturn:
    raise Unreachable(f"gave up after {losses} attempts: {lost}") from lost
