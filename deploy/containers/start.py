"""`docker compose up`, watched: it starts what is missing or has changed, each after what it needs."""

import re
import subprocess
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from containers import compose
from containers.engine import GONE, EngineError, EngineGone
from containers.observe import Container, containers
from containers.probe import why_not
from containers.system import System
from runtime.errors import PartFailedError, PortTaken
from runtime.person import say
from runtime.waiting import Reason, Waiting, shown

# What fails is noticed at once: this bounds what only takes long, on a machine with other work.
READY_SECONDS = 180.0
POLL_SECONDS = 0.5
PORT = re.compile(r"port is already allocated|address already in use|ports are not available", re.I)
MISSING = re.compile(r"no such image|pull access denied|manifest unknown", re.I)


class Watched:
    """`runtime.waiting.Watched`, of the containers of one project. `found` is what was there at the last look."""

    def __init__(self, known: System) -> None:
        self._known = known
        self.found: Mapping[str, Container] = {}

    def look(self) -> Mapping[str, Container]:
        """What is there now."""
        self.found = containers(self._known)
        return self.found

    def reasons(self, names: Collection[str]) -> Mapping[str, Reason]:
        return why_not(self._known, self.look(), names)

    def start(self, name: str) -> object:
        return self.found[name].restarts if name in self.found else 0

    def tail(self, name: str) -> str:
        return tail(self._known, name)


def start(known: System, before: Mapping[str, Container]) -> list[str]:
    """Returns when all are ready; -> those that were started or made anew. Raises PartFailedError, and Refusal.

    Where nothing was there before and the engine refuses, nothing half made is left.
    """
    watched, fresh = Watched(known), list[str]()
    waiting = Waiting(watched, [], say)
    with _undone(known, before), _compose_up(known) as starting:
        while waiting.pending or starting.poll() is None:
            for name in _changed(known, before, watched.look()):
                if name not in fresh:
                    fresh.append(name)
                    waiting.add(name)
            waiting.look(READY_SECONDS)
            _refuse_failed(known, starting)
            time.sleep(POLL_SECONDS)
        _refuse_failed(known, starting)
    # Of what ran already nothing is said while it is well.
    others = Waiting(watched, [name for name in known.wanted() if name not in fresh], lambda _line: None)
    while others.pending:
        others.look(READY_SECONDS)
        time.sleep(POLL_SECONDS if others.pending else 0)
    return fresh


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
    """Where the engine refused, what it had begun is taken away; a part that fails is left for a person to look at."""
    try:
        yield
    except (EngineError, PortTaken):
        if not before:
            known.engine.attempt(*compose.command(known, "down"), variables=compose.environment(known))
        raise


def _refuse_failed(known: System, starting: "subprocess.Popen[bytes]") -> None:
    """Raises what became of `docker compose up`, once it has ended badly."""
    if not starting.poll():
        return
    said = _log(known).read_text(errors="replace").strip()
    last = said.splitlines()[-1] if said else "no reason given"
    if GONE.search(last):
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
