"""The stack of local processes: what `make up RUNTIME=local` starts, with ports and data of its own."""

import shutil
import signal
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from ground import ownership, ports
from ground.stack import ABILITIES, Stack
from ground.waiting import until
from local import down, ready, system, up
from local.control import Control
from local.parts import Part, table
from runtime import layout
from runtime.errors import PortTaken
from runtime.person import person

READY_SECONDS = 120.0
ALIVE_SECONDS = 10.0  # what has just died is started again meanwhile


@dataclass
class LocalStack(Stack):
    """Local processes of this checkout."""

    control: Control

    @property
    def abilities(self) -> frozenset[str]:
        return ABILITIES

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
    def jwt_secret(self) -> str:
        return self.known.keys.jwt

    @property
    def provider_log(self) -> Path:
        return self.known.provider_log

    @property
    def provider_url(self) -> str:
        return self.known.provider_url

    @property
    def provider_key(self) -> str:
        return self.known.keys.provider

    def person(self) -> Mapping[str, str]:
        return {**person(self.known), "PYTHONPATH": self.known.layout.python_path}

    def database_url(self, role: str = "verify") -> str:
        return self.known.database_url(role)

    def processes(self) -> list[str]:
        return list(self._parts())

    def kill(self, process: str) -> None:
        pid = until(lambda: self._pid(process), ALIVE_SECONDS, f"{process} to kill")
        self.control.kill(process)
        until(lambda: self._pid(process) != pid, 10, f"the end of {process}")

    def pause(self, process: str) -> None:
        until(lambda: self._signal(process, signal.SIGSTOP), ALIVE_SECONDS, f"{process} to freeze")

    def resume(self, process: str) -> None:
        self._signal(process, signal.SIGCONT)

    def stop(self, process: str) -> None:
        self.control.stop(process)

    def start(self, process: str) -> None:
        self.control.start(process)

    def wait_ready(self, *processes: str) -> None:
        parts = self._parts()
        chosen = [parts[name] for name in processes or parts]
        ready.wait(self.known, chosen, READY_SECONDS, print)

    def incarnation(self, process: str) -> str:
        return str(self._pid(process) or "")

    def environment(self, process: str) -> Mapping[str, str]:
        return psutil.Process(self._pid(process)).environ()

    def metrics(self, process: str) -> str:
        with urllib.request.urlopen(f"{self._parts()[process].health}/metrics", timeout=10) as answer:
            text: bytes = answer.read()
        return text.decode()

    def log_ends(self) -> Mapping[str, float]:
        return {name: path.stat().st_size for name in self.processes() if (path := self._log(name)).exists()}

    def logs(self, process: str, since: float = 0.0) -> str:
        path = self._log(process)
        raw = path.read_bytes() if path.exists() else b""
        # A shorter file is a new one: the supervisor puts away what has grown too long.
        return raw[int(since) if since <= len(raw) else 0 :].decode(errors="replace")

    @contextmanager
    def settings(self, **variables: str) -> Iterator[None]:
        before = self.known
        self._become(replace(before, settings={**before.settings, **variables}))
        try:
            yield
        finally:
            self._become(before)

    def _become(self, wanted: system.System) -> None:
        up.bring(wanted)
        self.control = Control(wanted)

    def _parts(self) -> dict[str, Part]:
        return {part.name: part for part in table(self.known) if part.autostart}

    def _pid(self, process: str) -> int:
        return self.control.running()[process].state.pid

    def _signal(self, process: str, number: signal.Signals) -> bool:
        """To it and all below it, as an engine freezes a container: most of Postgres is its children.

        False when nobody was there.
        """
        heard = False
        for one in _family(self._pid(process)):
            with suppress(psutil.NoSuchProcess):
                one.send_signal(number)
                heard = True
        return heard

    def _log(self, process: str) -> Path:
        return self.known.layout.log(process)


def _family(pid: int) -> list[psutil.Process]:
    """The process, and all that descend from it; empty when it is gone, or was never there (0)."""
    if not pid:
        return []
    with suppress(psutil.NoSuchProcess):
        first = psutil.Process(pid)
        return [first, *first.children(recursive=True)]
    return []


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
            down.clean(known)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _start(state: Path, settings: dict[str, str]) -> system.System:
    for offset in ports.free_offsets():
        where = layout.Layout(layout.ROOT, state, layout.ROOT / ".run" / "downloads", offset)
        where.make()
        known = system.load(where, settings, [])
        try:
            up.bring(known)
        except PortTaken:  # another run was faster
            continue
        except BaseException:  # Ctrl-C too: `bring` leaves running what it has begun
            down.clean(known)
            raise
        return known
    raise RuntimeError("no free range of ports for a system of the tests")
