"""What the faults are done to, and what they may know of the load."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import psycopg

from check.history import Recorder
from ground.stack import Stack
from ground.waiting import until

PATIENCE_SECONDS = 30.0
LOOK_SECONDS = 0.1

T = TypeVar("T")


class Stopped(Exception):
    """The run is being ended: whatever waits, ends."""


@dataclass
class Scene:
    """Used from several threads.

    `orders` are open ones, `poisoned` is told of one that may wait for a person now, `strike` sends all couriers home,
    or back: done when all of them are.
    """

    stack: Stack
    recorder: Recorder
    orders: Callable[[], Sequence[str]]
    poisoned: Callable[[str], None]
    strike: Callable[[bool], Future[None]]
    stopping: threading.Event = field(default_factory=threading.Event)

    def last(self, seconds: float) -> None:
        """Let so much time pass. Raises Stopped."""
        if self.stopping.wait(seconds):
            raise Stopped

    def until(self, condition: Callable[[], T], what: str, seconds: float | None = None) -> T:
        """As `ground.waiting.until`, for what may fail while it is tried: trouble is no. Raises Stopped too."""
        trouble = ""

        def tried() -> Any:
            nonlocal trouble
            self.last(LOOK_SECONDS)
            try:
                return condition()
            except Stopped:
                raise
            except Exception as error:  # whatever a client of a part says while the part is away
                trouble = repr(error)
                return False

        try:
            found: T = until(tried, seconds or PATIENCE_SECONDS, what)
        except AssertionError as late:
            raise AssertionError(f"{late} {trouble}") from None
        return found

    def connect(self) -> psycopg.Connection[Any]:
        """As the database's superuser, outside of any transaction."""
        return psycopg.connect(self.stack.database_url("postgres"), autocommit=True, connect_timeout=3)

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """One statement, or several; -> the rows of the first."""
        with self.connect() as db:
            cursor = db.execute(query.encode())
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def frozen(self, part: str) -> Iterator[None]:
        """It does nothing for the time of the block."""
        self.until(lambda: self.stack.incarnation(part), f"{part} to freeze")
        before = self.stack.incarnation(part)
        self.stack.pause(part)
        try:
            if self.stack.incarnation(part) != before:
                raise AssertionError(f"{part} died before it froze")
            yield
        finally:
            self.stack.resume(part)

    @contextmanager
    def stopped(self, part: str) -> Iterator[None]:
        """It is not there for the time of the block."""
        self.stack.stop(part)
        try:
            yield
        finally:
            self.stack.start(part)
