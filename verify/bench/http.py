"""A lean HTTP/1.1 client for one address: its cost counts on the same cores as the system it measures."""

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import NamedTuple, cast
from urllib.parse import urlsplit

from httptools import HttpResponseParser


class HttpError(Exception):
    """The answer was not 200, or the connection went away before it came."""


@dataclass(frozen=True)
class Address:
    """Where to connect, from a URL such as http://127.0.0.1:8000/graphql."""

    host: str
    port: int
    path: str

    @classmethod
    def parse(cls, url: str) -> "Address":
        parts = urlsplit(url)
        return cls(parts.hostname or "127.0.0.1", parts.port or 80, parts.path or "/")


class Answer(NamedTuple):
    """Whatever the server said."""

    status: int
    body: bytes


class Connection(asyncio.Protocol):
    """One keep-alive connection, one request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[Answer] | None = None
        self._parser = HttpResponseParser(self)
        self._body: list[bytes] = []

    @property
    def usable(self) -> bool:
        """False once the other side has closed it."""
        return self._transport is not None and not self._transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._fail(HttpError(f"the connection was closed ({exc})"))

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        answer = Answer(self._parser.get_status_code(), b"".join(self._body))
        self._body.clear()
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(answer)

    def _fail(self, failure: HttpError) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(failure)

    def send(self, request: bytes) -> asyncio.Future[Answer]:
        """The future answer; HttpError when the connection goes away before it."""
        assert self._transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        self._parser = HttpResponseParser(self)
        self._transport.write(request)
        return self._answer

    def close(self) -> None:
        """Drop the connection."""
        if self._transport is not None:
            self._transport.close()


class Http:
    """Posts JSON bodies over at most `size` connections; callers beyond that wait their turn in order."""

    def __init__(self, url: str, size: int = 32) -> None:
        self._address = Address.parse(url)
        self._idle: deque[Connection] = deque()
        self._room = asyncio.Semaphore(size)

    def head(self, token: str) -> bytes:
        """The constant part of a principal's requests: make it once, pass it to every post."""
        return (
            f"POST {self._address.path} HTTP/1.1\r\nHost: {self._address.host}:{self._address.port}\r\n"
            f"Authorization: Bearer {token}\r\nContent-Type: application/json\r\nAccept: application/json\r\n"
            "Content-Length: "
        ).encode()

    async def post(self, head: bytes, body: bytes) -> bytes:
        """The body of the 200 answer. Raises HttpError; never repeats a request by itself."""
        answer = await self.ask(b"%b%d\r\n\r\n%b" % (head, len(body), body))
        if answer.status != 200:
            raise HttpError(f"HTTP {answer.status}: {answer.body[:300].decode(errors='replace')}")
        return answer.body

    async def ask(self, request: bytes) -> Answer:
        """The answer to a whole request, whatever its status. Raises HttpError."""
        async with self._room:
            connection = await self._connection()
            try:
                answer = await connection.send(request)
            except BaseException:
                connection.close()
                raise
            self._idle.append(connection)
            return answer

    async def _connection(self) -> Connection:
        while self._idle:
            connection = self._idle.pop()
            if connection.usable:
                return connection
        loop = asyncio.get_running_loop()
        try:
            _, fresh = await loop.create_connection(Connection, self._address.host, self._address.port)
        except OSError as error:
            raise HttpError(f"no connection to {self._address.host}:{self._address.port} ({error})") from error
        return fresh

    def close(self) -> None:
        """Drop every connection."""
        while self._idle:
            self._idle.pop().close()
