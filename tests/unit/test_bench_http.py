"""The load's HTTP client against a server of a few lines."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import cast

import pytest

from bench.http import Http, HttpError

Answer = Callable[[bytes], bytes]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Server(asyncio.Protocol):
    """Answers each request by `answer(request)`; an empty answer closes the connection."""

    def __init__(self, answer: Answer, asked: list[bytes]) -> None:
        self._answer = answer
        self._asked = asked
        self._read = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._read += data
        head, found, body = self._read.partition(b"\r\n\r\n")
        if found and len(body) == int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0] or 0):
            self._asked.append(self._read)
            self._read = b""
            if answer := self._answer(self._asked[-1]):
                self._transport.write(answer)
            if not answer or b"Connection: close" in answer:
                self._transport.close()


@asynccontextmanager
async def serving(answer: Answer, port: list[int]) -> AsyncIterator[list[bytes]]:
    asked: list[bytes] = []
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Server(answer, asked), "127.0.0.1", 0)
    port.append(server.sockets[0].getsockname()[1])
    async with server:
        yield asked


async def ask(answer: Answer, work: Callable[[Http], Awaitable[None]]) -> list[bytes]:
    port: list[int] = []
    async with serving(answer, port) as asked:
        http = Http(f"http://127.0.0.1:{port[0]}/graphql", 2)
        await work(http)
        http.close()
        for _ in range(3):  # each side's transport sees the other's end in a turn of the loop
            await asyncio.sleep(0)
    return asked


async def test_body_and_token_are_sent() -> None:
    """The request is whole: path, token, length, body."""

    async def once(http: Http) -> None:
        assert await http.post(http.head("t0ken"), b'{"a": 1}') == b"ok"

    [asked] = await ask(lambda _: OK, once)
    assert asked.startswith(b"POST /graphql HTTP/1.1\r\n")
    assert b"Authorization: Bearer t0ken\r\n" in asked
    assert asked.endswith(b'Content-Length: 8\r\n\r\n{"a": 1}')


async def test_many_posts_share_connections() -> None:
    """Two connections carry any number of requests, each with its own answer."""

    def echo(request: bytes) -> bytes:
        return b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" + request[-2:]

    async def many(http: Http) -> None:
        bodies = [b"%02d" % number for number in range(50)]
        assert await asyncio.gather(*(http.post(http.head("t"), body) for body in bodies)) == bodies

    assert len(await ask(echo, many)) == 50


@pytest.mark.parametrize(
    ("answer", "words"),
    [(b"HTTP/1.1 500 Oops\r\nContent-Length: 4\r\n\r\nnope", "HTTP 500: nope"), (b"", "connection was closed")],
)
async def test_bad_answer_is_an_error(answer: bytes, words: str) -> None:
    """What is not 200 with a body is raised, not repeated."""

    async def once(http: Http) -> None:
        with pytest.raises(HttpError, match=words):
            await http.post(http.head("t"), b"{}")

    assert len(await ask(lambda _: answer, once)) == 1


async def test_closed_connection_is_replaced() -> None:
    """A connection that the server closed between two requests is not used again."""
    answers = iter([OK + b"", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok", OK])

    async def twice(http: Http) -> None:
        for _ in range(2):
            assert await http.post(http.head("t"), b"{}") == b"ok"

    await ask(lambda _: next(answers, OK), twice)


async def test_refused_connection_is_an_error() -> None:
    """Nobody listens: an error with the address in it."""
    http = Http("http://127.0.0.1:1/graphql")
    with pytest.raises(HttpError, match=r"no connection to 127\.0\.0\.1:1"):
        await http.post(http.head("t"), b"{}")
