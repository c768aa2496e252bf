"""Leased work: calls to the outside world, made beside the consumer, never in it.

A row that is due is leased (its due time pushed ahead, its lease counter raised), the call is made outside any
transaction, and the outcome is committed only while the counter is still the lease's own. So a worker that was frozen
or died costs nothing but the lease's time, and its late answer changes nothing.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

from chassis.database import Database, Transaction
from chassis.errors import Transient
from chassis.failpoints import reach
from chassis.telemetry import log, metrics

SCAN_LIMIT = 100  # rows leased by one scan at most, less what is queued already
BACKLOG_SECONDS = 0.05  # until the next scan after one that found as much as it could take
LATE_SECONDS = 0.25  # what nobody has begun by then is for the spares


class Job(Protocol):
    """What a leased row is to the pool: something with a name for the logs."""

    @property
    def key(self) -> str:
        """The row's key."""


J = TypeVar("J", bound=Job)
A = TypeVar("A")


class Workers(Generic[J, A]):
    """A pool of threads around three functions of the service.

    `take(tx, limit)` leases due rows. `perform(job)` makes the call, outside any transaction; it raises Transient when
    the outcome is unknown, and the row comes due again by itself. `settle(tx, job, answer)` commits the outcome if the
    lease is still the job's own, and returns the follow-up jobs that it leased in the same transaction.

    Of its `size` threads, `core` do the work; the others take only what is left waiting because those are in calls that
    take long. A burst of quick calls costs a tenth more CPU on 32 threads than on eight.
    """

    def __init__(  # noqa: PLR0913 - the whole wiring, by keyword
        self,
        *,
        name: str,
        database: Database,
        take: Callable[[Transaction, int], Sequence[J]],
        perform: Callable[[J], A],
        settle: Callable[[Transaction, J, A], Sequence[J]],
        size: int = 4,
        core: int = 8,
        scan_seconds: float = 1.0,
    ) -> None:
        self.name = name
        self._database = database
        self._take = take
        self._perform = perform
        self._settle = settle
        self._core = min(core, size)
        self._spares = size - self._core
        self._scan_seconds = scan_seconds
        self._jobs: queue.SimpleQueue[tuple[float, J] | None] = queue.SimpleQueue()
        self._looking = threading.Lock()  # one spare looks for all
        self._until_look = LATE_SECONDS
        self._stop = threading.Event()
        self._failure: BaseException | None = None
        self._more_due = False
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Start the workers and the scan."""
        targets = [self._work] * self._core + [self._help] * self._spares + [self._scan]
        names = [f"{self.name}-{n}" for n in range(len(targets) - 1)] + [f"{self.name}-scan"]
        self._threads = [
            threading.Thread(target=target, name=name, daemon=True) for target, name in zip(targets, names, strict=True)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, jobs: Sequence[J]) -> None:
        """Hand over jobs whose lease was just committed: they need not wait for the scan. Any thread."""
        now = time.monotonic()
        for job in jobs:
            self._jobs.put((now, job))

    def stop(self) -> None:
        """Finish the calls at hand and end the threads; what is queued stays leased and comes due again."""
        self._stop.set()
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join(timeout=10)

    def alive(self) -> bool:
        """No thread has ended by an error."""
        return self._failure is None

    def ready(self) -> str | None:
        """None, or the error that ended a thread."""
        return None if self._failure is None else f"{self.name}: {self._failure}"

    def _work(self) -> None:
        while (entry := self._jobs.get()) is not None and not self._stop.is_set():
            self._guarded(lambda job=entry[1]: self._follow(job))  # type: ignore[misc]

    def _help(self) -> None:
        while (job := self._overdue()) is not None:
            self._guarded(lambda job=job: self._follow(job))  # type: ignore[misc]

    def _overdue(self) -> J | None:
        """What the core leaves waiting: a job a look, or more while they are late; None when it is time to end."""
        with self._looking:
            while not self._stop.wait(self._until_look):
                try:
                    entry = self._jobs.get_nowait()
                except queue.Empty:
                    self._until_look = LATE_SECONDS
                    continue
                if entry is None:
                    break
                queued, job = entry
                self._until_look = 0.0 if time.monotonic() - queued > LATE_SECONDS else LATE_SECONDS
                return job
        return None

    def _follow(self, job: J) -> None:
        """A row's next call is made by the same thread: no hand-over, and no lease spent at the end of the queue."""
        jobs: Sequence[J] = [job]
        while jobs and not self._stop.is_set():
            self.submit(jobs[1:])
            jobs = self._do(jobs[0])

    def _scan(self) -> None:
        wait = self._scan_seconds
        while not self._stop.wait(wait):
            self._guarded(self._lease_due)
            wait = min(BACKLOG_SECONDS, self._scan_seconds) if self._more_due else self._scan_seconds

    def _lease_due(self) -> None:
        room = SCAN_LIMIT - self._jobs.qsize()
        self._more_due = room <= 0
        if room > 0:
            with self._database.transaction() as tx:
                jobs = list(self._take(tx, room))
            if jobs:
                reach("work.leased")
            self.submit(jobs)
            self._more_due = len(jobs) == room

    def _do(self, job: J) -> Sequence[J]:
        start = time.perf_counter()
        outcome = "transient"
        try:
            reach("work.before_call")
            answer = self._perform(job)
            reach("work.after_call")
            with self._database.transaction() as tx:
                following = self._settle(tx, job, answer)
            reach("work.after_settle")
            outcome = "settled"
            return following
        finally:
            metrics.work_seconds.labels(self.name, outcome).observe(time.perf_counter() - start)

    def _guarded(self, work: Callable[[], None]) -> None:
        """Transient trouble leaves the row leased: it comes due again. Anything else is a fault: not alive any more."""
        try:
            work()
        except Transient as error:
            log.warning("left for a later try", event_key="work.transient", workers=self.name, error=str(error))
        except Exception as error:
            self._failure = error
            log.exception("a worker failed", event_key="work.failed", workers=self.name)
