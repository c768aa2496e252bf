"""`docker compose up`, watched: it starts what is missing or has changed, each after what it needs."""

import re
import subprocess
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from containers import compose, system
from containers.engine import EngineError, EngineGone, gone
from containers.observe import Container, containers, volumes
from containers.probe import why_not
from containers.system import System
from runtime import layout
from runtime.errors import PartFailedError, PortTaken
from runtime.person import say
from runtime.waiting import Reason, Waiting, shown

# What fails is noticed at once: this bounds what only takes long, on a machine with other work.
READY_SECONDS = 180.0
POLL_SECONDS = 1.0  # a look costs a tenth of a second of CPU
# How bootstrap begins a line about something that was not there.
MADE = ("applied ", "made ")
PORT = re.compile(r"port is already allocated|address already in use|ports are not available", re.I)
MISSING = re.compile(r"no such image|pull access denied|manifest unknown", re.I)


class Watched:
    """`runtime.waiting.Watched`, of the containers of one project; `found` is what was there at the last look."""

    def __init__(self, known: System) -> None:
        self._known = known
        self.found: Mapping[str, Container] = {}

    def look(self) -> Mapping[str, Container]:
        """What is there now."""
        self.found = containers(self._known)
        return self.found

    def reasons(self, names: Collection[str]) -> Mapping[str, Reason]:
        return why_not(self._known, self.found, names)

    def start(self, name: str) -> object:
        return self.found[name].restarts if name in self.found else 0

    def tail(self, name: str) -> str:
        return tail(self._known, name)


class Bootstrap:
    """What bootstrap says that it made at its last start, told once it has ended."""

    def __init__(self, known: System, before: Mapping[str, Container]) -> None:
        self.made: list[str] = []
        self._known = known
        self._told = before["bootstrap"].since if "bootstrap" in before else 0.0

    def look(self, found: Mapping[str, Container]) -> None:
        one = found.get("bootstrap")
        if one is None or one.status != "exited" or one.since == self._told:
            return
        self._told = one.since
        said = self._known.engine.ask("logs", "--since", str(int(one.since)), one.id)
        for line in said.splitlines():
            if line.startswith(MADE):
                self.made.append(line)
                say(line)


def start(known: System, before: Mapping[str, Container]) -> list[str]:
    """Returns when all are ready; -> what was started, or made by bootstrap. Raises PartFailedError, and Refusal.

    Where nothing was there before and the engine refuses, nothing half made is left.
    """
    watched, bootstrap, told = Watched(known), Bootstrap(known, before), set[str]()
    waiting = Waiting(watched, [], say)
    with _undone(known, before), _compose_up(known) as starting:
        while waiting.pending or starting.poll() is None:
            for name in _changed(known, before, watched.look()):
                if name not in told:
                    told.add(name)
                    waiting.add(name)
            bootstrap.look(watched.found)
            waiting.look(READY_SECONDS)
            _refuse_failed(known, starting)
            time.sleep(POLL_SECONDS)
        _refuse_failed(known, starting)
    bootstrap.look(watched.look())
    _wait_silently(watched, [name for name in known.wanted() if name not in told])
    return [*_changed(known, before, watched.found), *bootstrap.made]


def _wait_silently(watched: Watched, names: Collection[str]) -> None:
    """Of what ran already nothing is said while it is well."""
    waiting = Waiting(watched, names, lambda _line: None)
    while waiting.pending:
        waiting.look(READY_SECONDS)
        if waiting.pending:
            time.sleep(POLL_SECONDS)
            watched.look()


def tail(known: System, name: str) -> str:
    """How to read on in its log, and the last lines of it."""
    one = containers(known).get(name)
    said = known.engine.attempt("logs", "--tail", "15", one.id) if one else None
    return f"`make logs S={name}`:\n{shown(said.out + said.err if said else '')}"


def _changed(known: System, before: Mapping[str, Container], now: Mapping[str, Container]) -> list[str]:
    def new(name: str) -> bool:
        return name not in before or (before[name].id, before[name].since) != (now[name].id, now[name].since)

    return [name for name in known.wanted() if name in now and new(name)]


@contextmanager
def _compose_up(known: System) -> Iterator["subprocess.Popen[bytes]"]:
    words = compose.command(known, "up", "--detach", "--no-build", "--remove-orphans", *known.wanted())
    with _log(known).open("wb") as output:
        starting = subprocess.Popen(
            ["docker", *words], env=compose.environment(known), stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        try:
            yield starting
        finally:
            starting.terminate()
            starting.wait()


@contextmanager
def _undone(known: System, before: Mapping[str, Container]) -> Iterator[None]:
    """Where the engine refuses a new system, all that it had begun is taken away again, and it is not remembered.

    It is from here on, when there may be data: an engine that goes away does not say whether there is.
    A part that fails is left for a person to look at, and so is everything that has data.
    """
    data = volumes(known)
    system.remember(known)
    try:
        yield
    except (EngineError, PortTaken):
        if not before and not data:
            known.engine.attempt(*compose.command(known, "down", "--volumes"), variables=compose.environment(known))
            layout.remember(known.layout.state, runtime="")
        raise


def _refuse_failed(known: System, starting: "subprocess.Popen[bytes]") -> None:
    """Raises what became of `docker compose up`, once it has ended badly."""
    if not starting.poll():
        return
    said = _log(known).read_text(errors="replace").strip()
    last = said.splitlines()[-1] if said else "no reason given"
    if gone(last):
        raise EngineGone(f"The container engine went away ({last}). Start it, then `make up` continues.")
    if PORT.search(said):
        raise PortTaken(f"{last}\nMove all ports of this system: DEMAE_PORT_OFFSET=100 make up")
    if MISSING.search(last):
        raise EngineError(
            f"{last}\n`make images` builds what is missing; without an image registry: make images OFFLINE=1"
        )
    for name in ("bootstrap", *known.wanted()):
        if re.search(rf"\b{re.escape(name)}\b.*(didn't complete|unhealthy|exited)", last):
            raise PartFailedError(f"{name} failed. The last lines of {tail(known, name)}")
    raise EngineError(f"docker compose up failed: {last}\nAll of it is in {_log(known)}.")


def _log(known: System) -> Path:
    return known.layout.log("compose")
