"""Is it ready? One question for each kind of process, by the scheme of its address; never raises, never waits long."""

import json
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

import psycopg
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from local.parts import Part
from local.supervise import Supervisor
from local.system import System
from runtime.errors import PartFailedError

SECONDS = 2.0
POLL_SECONDS = 0.2
# So many failed starts in a row are no bad luck: something is wrong with the part.
FAILURES = 3
REMIND_SECONDS = 5.0
Reason = str | None
"""Why it is not ready; None when it is."""


def why_not(address: str) -> Reason:
    """Asks the process behind `address`."""
    return PROBES[urlsplit(address).scheme](address)


def wait(system: System, parts: Sequence[Part], seconds: float, tell: Callable[[str], None]) -> None:
    """Returns when all `parts` are ready, telling each as it gets so. Raises PartFailedError."""
    waiting = Waiting(system, {part.name: part for part in parts}, tell)
    while waiting.pending:
        waiting.ask()
        waiting.refuse_failed()
        waiting.refuse_late(seconds)
        waiting.remind()
        time.sleep(POLL_SECONDS if waiting.pending else 0)


class Waiting:
    """What is not ready yet, why, and how often each part was started meanwhile."""

    def __init__(self, system: System, pending: dict[str, Part], tell: Callable[[str], None]) -> None:
        self.pending = pending
        self._system = system
        self._tell = tell
        self._begin = self._reminded = time.monotonic()
        self._reasons: dict[str, str] = {}
        self._starts: dict[str, set[int]] = {name: set() for name in pending}

    def ask(self) -> None:
        for part in list(self.pending.values()):
            reason = why_not(part.ready)
            if reason is None:
                del self.pending[part.name]
                self._tell(f"{part.name:<16} ready after {time.monotonic() - self._begin:.1f} s")
            else:
                self._reasons[part.name] = reason

    def refuse_failed(self) -> None:
        """A part that the supervisor starts again and again is named before its time is over."""
        states = Supervisor(self._system).states() if self.pending else {}
        for name in self.pending:
            self._starts[name].add(states[name].since)
            if len(self._starts[name]) > FAILURES:
                self._fail(f"{name} does not start: it ended {FAILURES} times.", name)

    def refuse_late(self, seconds: float) -> None:
        if self.pending and time.monotonic() - self._begin > seconds:
            name = next(iter(self.pending))
            self._fail(f"{name} did not get ready in {seconds:.0f} s: {self._reasons[name]}.", name)

    def remind(self) -> None:
        if self.pending and time.monotonic() - self._reminded > REMIND_SECONDS:
            self._reminded = time.monotonic()
            groups: dict[str, list[str]] = {}
            for name in self.pending:
                groups.setdefault(self._reasons[name], []).append(name)
            self._tell("waiting: " + "; ".join(f"{', '.join(names)} ({why})" for why, names in groups.items()))

    def _fail(self, said: str, name: str) -> None:
        log = self._system.layout.log(name)
        raise PartFailedError(f"{said} The last lines of {log}:\n{tail(self._system, name)}")


def tail(system: System, part: str, lines: int = 15) -> str:
    """The last lines of a part's log."""
    path = system.layout.log(part)
    text = path.read_text(errors="replace") if path.exists() else ""
    return "\n".join(f"    {line}" for line in text.splitlines()[-lines:]) or "    (its log is empty)"


def _tcp(address: str) -> Reason:
    parts = urlsplit(address)
    try:
        socket.create_connection((parts.hostname, parts.port), timeout=SECONDS).close()
    except OSError:
        return "does not listen yet"
    return None


def _http(address: str) -> Reason:
    parts = urlsplit(address)
    connection = HTTPConnection(parts.netloc, timeout=SECONDS)
    try:
        connection.request("GET", parts.path)
        answer = connection.getresponse()
        status, text = answer.status, answer.read().decode(errors="replace")
    except (OSError, HTTPException):
        return "does not answer yet"
    finally:
        connection.close()
    return None if status == HTTPStatus.OK else _reasons(text) or f"answers {status}"


def _reasons(text: str) -> str:
    """What our own processes say in a 503; nothing for another program's words."""
    try:
        return ", ".join(map(str, json.loads(text)["reasons"]))
    except (ValueError, LookupError, TypeError):
        return ""


def _postgres(address: str) -> Reason:
    try:
        psycopg.connect(address, connect_timeout=2).close()
    except psycopg.Error:
        return "takes no connection yet"
    return None


def _kafka(address: str) -> Reason:
    # The client logs every refused connection: ask only when somebody listens.
    if (reason := _tcp(address)) is not None:
        return reason
    try:
        AdminClient({"bootstrap.servers": urlsplit(address).netloc, "log_level": 0}).list_topics(timeout=SECONDS)
    except KafkaException:
        return "does not answer yet"
    return None


PROBES: Mapping[str, Callable[[str], Reason]] = {
    "": lambda _address: None,  # a program that says nothing about itself: it runs
    "tcp": _tcp,
    "http": _http,
    "postgresql": _postgres,
    "kafka": _kafka,
}
