"""Liveness, readiness and metrics over HTTP, from a thread of their own: they answer while the process is busy."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Protocol

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest


class Part(Protocol):
    """A part of a process that knows how it is."""

    def alive(self) -> bool:
        """False: only a restart helps."""

    def ready(self) -> str | None:
        """None: send work. Else why not, for people."""


class Health:
    """Serves /live, /ready and /metrics until `close()`."""

    def __init__(self, host: str, port: int, parts: Sequence[Part]) -> None:
        self._server = ThreadingHTTPServer((host, port), _handler(parts))
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, name="health", daemon=True)

    def start(self) -> None:
        """Answer from now on."""
        self._thread.start()

    def close(self) -> None:
        """Stop answering; idempotent."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


def live(parts: Sequence[Part]) -> tuple[int, bytes]:
    """Status and body of /live."""
    dead = [type(part).__name__ for part in parts if not part.alive()]
    return (503 if dead else 200), msgspec.json.encode({"live": not dead, "dead": dead})


def readiness(parts: Sequence[Part]) -> tuple[int, bytes]:
    """Status and body of /ready, with every reason."""
    reasons = [reason for part in parts if (reason := part.ready()) is not None]
    return (503 if reasons else 200), msgspec.json.encode({"ready": not reasons, "reasons": reasons})


def _handler(parts: Sequence[Part]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/metrics":
                self._answer(200, generate_latest(), CONTENT_TYPE_LATEST)
            elif self.path in ("/live", "/ready"):
                self._answer(*(live if self.path == "/live" else readiness)(parts), "application/json")
            else:
                self._answer(404, b"", "text/plain")

        def _answer(self, status: int, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Probes are no news."""

    return Handler
