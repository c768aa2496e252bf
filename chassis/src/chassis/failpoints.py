"""Named places where a crash matters. A test arms one of them, and the next process to pass it dies there by SIGKILL.

Off, `reach` is a function that does nothing. On only in a test build (one that has `chassis.testing`; images leave it
out unless they are built with TEST=1) whose variable FAILPOINTS names a folder. Armed: a file of the point's name is in
that folder, or `NAME@PROCESS` for one process alone (`payment`, `api-projector`); its content says how many passes are
let by first. It is renamed to `….fired.PID`, so that each arming kills once and the restarted process goes on.

A service's own points are in a table `POINTS` of its module `failpoints`.
"""

from __future__ import annotations

import importlib.util
import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

VARIABLE = "FAILPOINTS"

POINTS: Mapping[str, str] = {
    "batch.before_commit": "A batch's position, claims and effects are written, and not committed.",
    "batch.after_commit": "A batch is committed; nothing that hangs on its commit was done.",
    "batch.parking": "A batch with an event that cannot be handled: it is parked, and not committed.",
    "consumer.before_offsets": "Positions are committed; Kafka's group has not heard of them.",
    "consumer.after_timer": "A scan of the service is committed; nothing that comes after it was done.",
    "drain.before_commit": "A released event is handled, a discarded one recorded: not committed.",
    "drain.after_commit": "A parked event is gone; what hangs on its commit was not done, those behind it wait.",
    "drain.again": "A released event failed again; it is not marked as a head again.",
    "work.leased": "A scan has leased due rows; nobody has them in hand.",
    "work.before_call": "A lease is committed; the call was not made.",
    "work.after_call": "The other side has answered; the answer is not committed.",
    "work.after_settle": "An answer is committed; the call that follows from it was not made.",
    "prune.before_commit": "Old rows are deleted, and not committed.",
}

process = ""
"""The name of this process in `NAME@PROCESS`."""


def enter(name: str) -> None:
    """This process is `name`, as `chassis.process.Process` calls it."""
    global process  # noqa: PLW0603 - one name a process, set once
    process = name.replace(" ", "-")


def off(_name: str, /) -> None:
    """What every build for people has."""


class Armed:
    """`reach` of a test build: looks for the point's file each time. Thread-safe."""

    def __init__(self, folder: Path, die: Callable[[], None]) -> None:
        self._folder = folder
        self._die = die
        self._passes: Counter[str] = Counter()
        self._lock = threading.Lock()

    def __call__(self, name: str, /) -> None:
        for armed in (name, f"{name}@{process}"):
            with self._lock:
                if self._fires(armed):
                    self._die()

    def _fires(self, armed: str) -> bool:
        file = self._folder / armed
        try:
            wanted = int(file.read_text() or 0)
        except FileNotFoundError:
            self._passes.pop(armed, None)
            return False
        self._passes[armed] += 1
        if self._passes[armed] <= wanted:
            return False
        try:
            file.rename(f"{file}.fired.{os.getpid()}")
        except FileNotFoundError:  # another process was faster
            return False
        return True


def die() -> None:
    """As a crash: no handler runs, nothing is flushed."""
    os.kill(os.getpid(), signal.SIGKILL)
    os._exit(128 + signal.SIGKILL)  # the first process of a container is spared its own signal


def chosen(environment: Mapping[str, str]) -> Callable[[str], None]:
    """`reach` for a process with these variables."""
    folder = environment.get(VARIABLE)
    if not folder or importlib.util.find_spec("chassis.testing") is None:
        return off
    return Armed(Path(folder), die)


reach: Callable[[str], None] = chosen(os.environ)
"""Die here if a test wants it. Takes a literal of a table POINTS."""
