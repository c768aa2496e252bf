"""Waiting until all is ready: what gets ready is told, what cannot is named before its time is over."""

import time
from collections.abc import Callable, Collection, Mapping
from typing import Protocol

from runtime.errors import PartFailedError

# So many failed starts in a row are no bad luck: something is wrong with the part.
FAILURES = 3
REMIND_SECONDS = 5.0
Reason = str | None
"""Why it is not ready; None when it is."""


class Watched(Protocol):
    """The parts of one system, as waiting needs to know them."""

    def reasons(self, names: Collection[str]) -> Mapping[str, Reason]:
        """Asks these; never raises for one that does not answer."""

    def start(self, name: str) -> object:
        """A value that changes with each start of the part."""

    def tail(self, name: str) -> str:
        """Where its log is, and the last lines of it."""


class Waiting:
    """What is not ready yet, why, and how often each part was started meanwhile."""

    def __init__(self, watched: Watched, pending: Collection[str], tell: Callable[[str], None]) -> None:
        self.pending = list(pending)
        self._watched = watched
        self._tell = tell
        self._begin = self._reminded = time.monotonic()
        self._reasons: dict[str, str] = {}
        self._starts: dict[str, set[object]] = {name: set() for name in pending}

    def add(self, name: str) -> None:
        """One more that was not thought of; again does no harm while it is waited for."""
        if name not in self.pending:
            self.pending.append(name)
            self._starts.setdefault(name, set())

    def look(self, seconds: float) -> None:
        """Asks all once; raises PartFailedError for one that does not start, or is not ready after `seconds`."""
        self._ask()
        self._refuse_failed()
        self._refuse_late(seconds)
        self._remind()

    def _ask(self) -> None:
        for name, reason in self._watched.reasons(self.pending).items():
            if reason is None:
                self.pending.remove(name)
                self._tell(f"{name:<16} ready after {time.monotonic() - self._begin:.1f} s")
            else:
                self._reasons[name] = reason

    def _refuse_failed(self) -> None:
        """A part that is started again and again is named before its time is over."""
        for name in self.pending:
            self._starts[name].add(self._watched.start(name))
            if len(self._starts[name]) > FAILURES:
                self._fail(f"{name} does not start: it ended {FAILURES} times.", name)

    def _refuse_late(self, seconds: float) -> None:
        if self.pending and time.monotonic() - self._begin > seconds:
            name = self.pending[0]
            self._fail(f"{name} did not get ready in {seconds:.0f} s: {self._reasons[name]}.", name)

    def _remind(self) -> None:
        if self.pending and time.monotonic() - self._reminded > REMIND_SECONDS:
            self._reminded = time.monotonic()
            groups: dict[str, list[str]] = {}
            for name in self.pending:
                groups.setdefault(self._reasons[name], []).append(name)
            self._tell("waiting: " + "; ".join(f"{', '.join(names)} ({why})" for why, names in groups.items()))

    def _fail(self, said: str, name: str) -> None:
        raise PartFailedError(f"{said} The last lines of {self._watched.tail(name)}")


def shown(text: str, lines: int = 15) -> str:
    """The last lines of a log, as a message shows them."""
    return "\n".join(f"    {line}" for line in text.splitlines()[-lines:]) or "    (its log is empty)"
