"""Is it ready? One question for each kind of process, by the scheme of its address; never raises, never waits long."""

import json
import socket
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

import psycopg
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from local.parts import Part
from local.supervise import Supervisor
from local.system import System
from runtime.waiting import Reason, Waiting, shown

SECONDS = 2.0
POLL_SECONDS = 0.2


def why_not(address: str) -> Reason:
    """Asks the process behind `address`."""
    return PROBES[urlsplit(address).scheme](address)


def wait(system: System, parts: Sequence[Part], seconds: float, tell: Callable[[str], None]) -> None:
    """Returns when all `parts` are ready, telling each as it gets so. Raises PartFailedError."""
    waiting = Waiting(Supervised(system, parts), [part.name for part in parts], tell)
    while waiting.pending:
        waiting.look(seconds)
        time.sleep(POLL_SECONDS if waiting.pending else 0)


class Supervised:
    """`runtime.waiting.Watched`, of the processes of one supervisor."""

    def __init__(self, system: System, parts: Sequence[Part]) -> None:
        self._system = system
        self._parts = {part.name: part for part in parts}

    def reasons(self, names: Collection[str]) -> Mapping[str, Reason]:
        return {name: why_not(self._parts[name].ready) for name in names}

    def start(self, name: str) -> object:
        return Supervisor(self._system).states()[name].since

    def tail(self, name: str) -> str:
        path = self._system.layout.log(name)
        return f"{path}:\n{shown(path.read_text(errors='replace') if path.exists() else '')}"


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
