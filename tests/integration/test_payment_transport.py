"""The SDK's HTTP client, against a server on a socket that does what it is told."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import stripe

from payment.transport import KeepAliveClient

Serve = Callable[[socket.socket], object]
OK = b"HTTP/1.1 200 OK\r\nRequest-Id: req_1\r\nIdempotent-Replayed: true\r\nContent-Length: 2\r\n\r\n{}"


@contextmanager
def serving(*scripts: Serve) -> Iterator[str]:
    """A server that follows one script a connection; -> its origin."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def run() -> None:
            for script in scripts:
                connection, _ = server.accept()
                with connection:
                    script(connection)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        thread.join(5)
        assert not thread.is_alive(), "not every connection was made"


def read_request(connection: socket.socket) -> bytes:
    """One request, head and body."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    return data


def answer(times: int, *, then: Serve = lambda _: None) -> Serve:
    """Answer so many requests, then do something and close."""

    def script(connection: socket.socket) -> None:
        for _ in range(times):
            read_request(connection)
            connection.sendall(OK)
        then(connection)

    return script


def post(client: KeepAliveClient, origin: str) -> tuple[str, int]:
    """A request; -> body and status."""
    body, status, _ = client.request("post", origin + "/v1/refunds", {"Authorization": "Bearer x"}, "a=1")
    return body, status


def test_connection_is_kept() -> None:
    """Two requests of one thread share a connection: the server accepts one only."""
    with serving(answer(2)) as origin:
        client = KeepAliveClient(origin, 5)
        assert [post(client, origin), post(client, origin)] == [("{}", 200)] * 2
        client.close()


def test_headers_can_be_looked_up_as_the_sdk_does() -> None:
    """The SDK expects names in its own case, or in lower case."""
    with serving(answer(1)) as origin:
        client = KeepAliveClient(origin, 5)
        headers = client.request("get", origin + "/v1/x", None)[2]
        client.close()
    assert (headers["Request-Id"], headers["request-id"], headers["idempotent-replayed"]) == ("req_1", "req_1", "true")


def test_idle_connection_closed_by_server_is_replaced() -> None:
    """A server that closes idle connections costs no failed call."""
    with serving(answer(1), answer(1)) as origin:
        client = KeepAliveClient(origin, 5)
        post(client, origin)
        client._mine.connection.sock.setblocking(True)
        client._mine.connection.sock.recv(1, socket.MSG_PEEK)  # waits for the server's goodbye
        assert post(client, origin) == ("{}", 200)
        client.close()


@pytest.mark.parametrize("then", [read_request, lambda c: c.sendall(b"HTTP/1.1 200"), lambda c: c.sendall(b"x\r\n")])
def test_broken_exchange_is_a_connection_error(then: Serve) -> None:
    """Closed before, within, or instead of an answer: the outcome is not known, and the next request connects anew."""
    with serving(answer(0, then=then), answer(1)) as origin:
        client = KeepAliveClient(origin, 5)
        with pytest.raises(stripe.APIConnectionError):
            post(client, origin)
        assert post(client, origin) == ("{}", 200)
        client.close()


def test_unwritable_header_leaves_nothing_behind() -> None:
    """Nothing of it is sent, and the next request is whole: half of another would stand before it."""
    heard: list[bytes] = []

    def script(connection: socket.socket) -> None:
        heard.append(read_request(connection))
        connection.sendall(OK)

    with serving(script) as origin:
        client = KeepAliveClient(origin, 5)
        with pytest.raises(UnicodeEncodeError):
            client.request("post", origin + "/v1/first", {"Idempotency-Key": "注文-1"}, "a=1")
        assert post(client, origin) == ("{}", 200)
        client.close()
    assert heard[0].startswith(b"POST /v1/refunds HTTP/1.1")
    assert b"first" not in heard[0]


def test_foreign_letters_are_read() -> None:
    """A page that is not UTF-8 is a body that nobody understands, not a fault of ours."""
    page = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n\xe9t\xe9"

    def welcome(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(page)

    with serving(welcome) as origin:
        client = KeepAliveClient(origin, 5)
        assert post(client, origin) == ("\ufffdt\ufffd", 200)
        client.close()


def test_silence_is_a_connection_error() -> None:
    """A server that says nothing is waited for as long as the time-out, no longer."""
    done = threading.Event()
    with serving(answer(0, then=lambda _: done.wait(5))) as origin:
        client = KeepAliveClient(origin, 0.1)
        with pytest.raises(stripe.APIConnectionError, match="timed out"):
            post(client, origin)
        done.set()


def test_nobody_there_is_a_connection_error() -> None:
    """A refused connection is trouble like any other."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        origin = f"http://127.0.0.1:{server.getsockname()[1]}"
    with pytest.raises(stripe.APIConnectionError, match="ConnectionRefused"):
        post(KeepAliveClient(origin, 1), origin)


def test_threads_do_not_share_a_connection() -> None:
    """Each worker has its own."""
    with serving(answer(1), answer(1)) as origin:
        client = KeepAliveClient(origin, 5)

        def run() -> None:
            post(client, origin)
            client.close()

        for _ in range(2):
            thread = threading.Thread(target=run)
            thread.start()
            thread.join(5)
