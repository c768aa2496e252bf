"""A whole system for end-to-end tests: what a test may ask of it, and the one of local processes."""

import shutil
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import jwt

from local import down, ready, system, up
from local.control import Control
from local.parts import table
from runtime import layout
from runtime.errors import PortTaken
from tests.support import ownership

# Below the ports that the kernel gives to outgoing connections; 8000 and 9000 themselves stay free for `make up`.
OFFSETS = range(200, 19_000, 100)
WIDTH = 100
READY_SECONDS = 120.0


class Stack(Protocol):
    """A running system, wherever it runs. Names of processes are those of `make status`: "api-http", "payment", …"""

    url: str
    """The edge, without a slash at the end; GraphQL is at /graphql."""
    ws_url: str
    """The address for subscriptions."""
    kafka_bootstrap: str
    connect_url: str
    admin_url: str
    """The database, as superuser."""
    provider_log: Path
    """The provider's own append-only log, JSON lines."""

    def token(self, subject: str, role: str, seconds: float = 3600) -> str:
        """A bearer token, without the word Bearer."""

    def database_url(self, role: str = "verify") -> str:
        """The database for a role; `verify` reads everything and writes nothing."""

    def kill(self, process: str) -> None:
        """Signal 9. The runtime starts it again by itself."""

    def pause(self, process: str) -> None:
        """Freezes it (SIGSTOP): a zombie that does not know it."""

    def resume(self, process: str) -> None:
        """Lets a frozen one go on."""

    def stop(self, process: str) -> None:
        """Ends it and leaves it so."""

    def start(self, process: str) -> None:
        """Starts one that was stopped; returns when it has begun."""

    def wait_ready(self, *processes: str) -> None:
        """Returns when these, or all, are ready. Raises with the last lines of a log when one is not in time."""

    def logs(self, process: str) -> str:
        """All that it printed."""

    def health_url(self, process: str) -> str:
        """The base address of its /live, /ready and /metrics."""


@dataclass
class LocalStack:
    """Local processes of this checkout, with ports and data of their own."""

    control: Control

    @property
    def known(self) -> system.System:
        return self.control.system

    @property
    def url(self) -> str:
        return self.known.url

    @property
    def ws_url(self) -> str:
        return f"ws://127.0.0.1:{self.known.ports.edge}/graphql"

    @property
    def kafka_bootstrap(self) -> str:
        return self.known.kafka

    @property
    def connect_url(self) -> str:
        return self.known.connect_url

    @property
    def admin_url(self) -> str:
        return self.known.database_url("postgres")

    @property
    def provider_log(self) -> Path:
        return self.known.provider_log

    @property
    def jwt_secret(self) -> str:
        return self.known.keys.jwt

    def token(self, subject: str, role: str, seconds: float = 3600) -> str:
        claims = {"sub": subject, "role": role, "aud": "demae", "exp": int(time.time() + seconds)}
        return jwt.encode(claims, self.jwt_secret, algorithm="HS256")

    def database_url(self, role: str = "verify") -> str:
        return self.known.database_url(role)

    def kill(self, process: str) -> None:
        self.control.kill(process)

    def pause(self, process: str) -> None:
        self.control.signal(process, signal.SIGSTOP)

    def resume(self, process: str) -> None:
        self.control.signal(process, signal.SIGCONT)

    def stop(self, process: str) -> None:
        self.control.stop(process)

    def start(self, process: str) -> None:
        self.control.start(process)

    def wait_ready(self, *processes: str) -> None:
        parts = {part.name: part for part in table(self.known) if part.autostart}
        chosen = [parts[name] for name in processes] or list(parts.values())
        ready.wait(self.known, chosen, READY_SECONDS, print)

    def logs(self, process: str) -> str:
        path = self.known.layout.log(process)
        return path.read_text(errors="replace") if path.exists() else ""

    def health_url(self, process: str) -> str:
        return next(part.health for part in table(self.known) if part.name == process)

    @contextmanager
    def settings(self, **variables: str) -> Iterator[None]:
        """Restarts the services with other settings, such as ALLOWANCES, and with the former ones at the end."""
        before = self.known
        self._become(replace(before, settings={**before.settings, **variables}))
        try:
            yield
        finally:
            self._become(before)

    def _become(self, wanted: system.System) -> None:
        up.bring(wanted)
        self.control = Control(wanted)


@contextmanager
def local_stack(**settings: str) -> Iterator[LocalStack]:
    """A system of one's own, with `settings` for its services; gone with its data at the end."""
    ownership.sweep()
    home = ownership.folder()
    try:
        known = _start(home / "state", settings)
        try:
            yield LocalStack(Control(known))
        finally:
            down.down(known)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _start(state: Path, settings: dict[str, str]) -> system.System:
    for offset in _free_offsets():
        where = layout.Layout(layout.ROOT, state, layout.ROOT / ".run" / "downloads", offset)
        where.make()
        known = system.load(where, settings, [])
        with suppress(PortTaken):  # another run was faster
            up.bring(known)
            return known
    raise RuntimeError("no free range of ports for a system of the tests")


def _free_offsets() -> Iterator[int]:
    # Runs that begin together look at different ranges first.
    first = int(time.time() * 1000) % len(OFFSETS)
    for step in range(len(OFFSETS)):
        offset = OFFSETS[(first + step) % len(OFFSETS)]
        ports = [base + offset + n for base in (8000, 9000) for n in range(WIDTH)]
        if all(map(_free, ports)):
            yield offset


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
