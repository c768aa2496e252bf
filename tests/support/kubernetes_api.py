"""A small Kubernetes API server: Secrets of one namespace, with the real one's answers and its optimistic locking."""

import json
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

from bootstrap.kubernetes import Secrets

TOKEN = "a token of the pod"
FOLDER = "/api/v1/namespaces/demae/secrets"


class Api:
    """`secrets` is name → the object as stored; `log` is what was asked, in order."""

    def __init__(self) -> None:
        self.secrets: dict[str, dict[str, Any]] = {}
        self.log: list[tuple[str, str, int]] = []
        self.forbidden: set[str] = set()
        self._lock = threading.Lock()
        self._version = 0

    def answer(self, method: str, path: str, token: str, body: Mapping[str, Any] | None) -> tuple[int, dict[str, Any]]:
        """Status and body, decided as a whole."""
        with self._lock:
            status, said = self._decide(method, path, token, body)
            self.log.append((method, path, status))
            return status, said

    def _decide(self, method: str, path: str, token: str, body: Mapping[str, Any] | None) -> tuple[int, dict[str, Any]]:
        if token != f"Bearer {TOKEN}":
            return 401, {"kind": "Status", "message": "Unauthorized"}
        name = body["metadata"]["name"] if method == "POST" and body else path.removeprefix(f"{FOLDER}/")
        if name in self.forbidden:
            return 403, {"kind": "Status", "message": f'secrets "{name}" is forbidden'}
        return self._create(name, body or {}) if method == "POST" else self._change(name, body)

    def _create(self, name: str, body: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        return (409, {"reason": "AlreadyExists"}) if name in self.secrets else (201, self._store(name, body))

    def _change(self, name: str, body: Mapping[str, Any] | None) -> tuple[int, dict[str, Any]]:
        """GET without a body, PUT with one."""
        held = self.secrets.get(name)
        if held is None or body is None:
            return (200, held) if held else (404, {"reason": "NotFound"})
        read = body["metadata"].get("resourceVersion")
        if read is not None and read != held["metadata"]["resourceVersion"]:
            return 409, {"reason": "Conflict"}
        return 200, self._store(name, body)

    def _store(self, name: str, body: Mapping[str, Any]) -> dict[str, Any]:
        self._version += 1
        metadata = {**body["metadata"], "namespace": "demae", "resourceVersion": str(self._version)}
        self.secrets[name] = json.loads(json.dumps({**body, "metadata": metadata}))
        return self.secrets[name]


@contextmanager
def serving(api: Api, host: str = "127.0.0.1", certificate: ssl.SSLContext | None = None) -> Iterator[str]:
    """Its address; with a certificate it speaks TLS."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._reply(None)

        def do_POST(self) -> None:
            self._reply(self._body())

        def do_PUT(self) -> None:
            self._reply(self._body())

        def _body(self) -> Any:
            return json.loads(self.rfile.read(int(self.headers["Content-Length"])))

        def _reply(self, body: Mapping[str, Any] | None) -> None:
            status, said = api.answer(self.command, self.path, self.headers.get("Authorization", ""), body)
            text = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            """Kept in Api.log."""

    server = ThreadingHTTPServer((host, 0), Handler)
    if certificate is not None:
        server.socket = certificate.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=[0.02], daemon=True)
    thread.start()
    try:
        yield f"{'https' if certificate else 'http'}://{host}:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def secrets_at(address: str, folder: Path) -> Iterator[Secrets]:
    """A client with the pod's token."""
    token = folder / "token"
    token.write_text(f"{TOKEN}\n")
    with httpx.Client(base_url=address, trust_env=False) as client:
        yield Secrets(client, token, "demae")
