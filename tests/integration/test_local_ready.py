"""What the local runtime asks the processes, and what it makes of their answers."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from ground import ports
from local import ready
from tests.support.databases import TestServer

ANSWERS = {
    "/well": (200, "{}"),
    "/ready": (503, json.dumps({"reasons": ["no tick came out of the log yet", "database away"]})),
    "/other": (404, "<html>no JSON here"),
}


class Process(BaseHTTPRequestHandler):
    """A process that says what ANSWERS says."""

    def do_GET(self) -> None:
        """One answer."""
        status, text = ANSWERS[self.path]
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        """Nothing to say."""


@pytest.fixture
def process() -> Iterator[str]:
    """Its address."""
    with HTTPServer(("127.0.0.1", 0), Process) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/well", None),
        ("/ready", "no tick came out of the log yet, database away"),
        ("/other", "answers 404"),
    ],
)
def test_reasons_are_the_processes_own(process: str, path: str, reason: str | None) -> None:
    """A person reads why it is not ready in the words of the process."""
    assert ready.why_not(f"{process}{path}") == reason


@pytest.mark.parametrize(
    ("scheme", "reason"),
    [
        ("http", "does not answer yet"),
        ("tcp", "does not listen yet"),
        ("kafka", "does not listen yet"),
        ("postgresql", "takes no connection yet"),
    ],
)
def test_nobody_there_is_no_error(scheme: str, reason: str) -> None:
    """Every kind of process may be away."""
    assert ready.why_not(f"{scheme}://127.0.0.1:{ports.free_port()}/") == reason


def test_postgres_takes_connections(postgres: TestServer) -> None:
    """Not its port is asked, but the server."""
    assert ready.why_not(postgres.url()) is None
