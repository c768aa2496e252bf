"""The consumer loop: records in order, a batch and its positions in one transaction, trouble waited out in place.

One thread. It fetches, hands each batch to the service's handler, runs the service's timers between batches, and drains
parked keys that were released. Database or broker trouble never skips a record: the partitions are paused, the client
is still polled (it stays in its group), and the same batch is tried again. When too many events cannot be handled it
stands still in the same way, and waits for a person.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from chassis import parked
from chassis.batch import Batch, Handler
from chassis.cap import Cap, Standstill, TooMany
from chassis.database import Database
from chassis.drain import Drain
from chassis.envelope import Reads, Record
from chassis.errors import Transient
from chassis.failpoints import reach
from chassis.handling import Handling, Wants
from chassis.kafka import Log, Place
from chassis.owned import Owned, place_of
from chassis.telemetry import log, metrics

BATCH = 500  # records in one transaction at most
IDLE_WAIT = 0.5  # seconds a fetch may wait, so that stop and timers are seen
BACKOFF = (0.05, 5.0)  # seconds between tries in trouble: first, longest; with jitter
HOUSEKEEPING_SECONDS = 1.0  # positions of skipped records, Kafka's offsets, lag, parked keys
STUCK_SECONDS = 60.0  # a loop that has not turned for so long is not alive


class Stopping(Exception):
    """The end came between two tries at a batch: it is not skipped, its next owner reads it."""


@dataclass(frozen=True, slots=True)
class Timer:
    """`run(database)` every `seconds`, between batches. Transient trouble is waited out; other errors end the loop."""

    seconds: float
    run: Callable[[Database], object]
    poked: bool = True
    """`poke` runs it as well."""


class Consumer:
    """A service's place in the log. `run()` in the main thread; `stop()` and `poke()` from anywhere."""

    def __init__(  # noqa: PLR0913 - the whole wiring of a service, by keyword
        self,
        *,
        name: str,
        database: Database,
        log: Log,
        topics: Sequence[str],
        reads: Reads,
        handle: Handler,
        wants: Wants | None = None,
        passes: frozenset[str] = frozenset(),
        forgetful: frozenset[str] = frozenset(),
        timers: Sequence[Timer] = (),
    ) -> None:
        """`reads`: type → dataclass; other types are skipped and counted. `wants(type, source)` narrows that further.
        `passes`: types that are handled even while their key is parked. `forgetful`: topics whose expired records may
        be missed; in all others a position that the log no longer reaches is Fatal.
        """
        self.name = name
        self._database = database
        self._log = log
        self.topics = topics
        # Housekeeping is last: a poke runs all timers but that one.
        self._timers = [*timers, Timer(HOUSEKEEPING_SECONDS, self._housekeeping, poked=False)]
        self._due = [0.0] * len(self._timers)
        self._owned = Owned(database, log, topics, forgetful)
        self._handling = Handling(
            name=name,
            database=database,
            owned=self._owned,
            reads=reads,
            handle=handle,
            wants=wants,
            passes=passes,
            between=self._between,
        )
        self._drain = Drain(name, self._handling.reader, handle)
        self._standstill = Standstill(name)
        self._committed: dict[Place, int] = {}
        self._stop = threading.Event()
        self._poked = threading.Event()
        self._joined = False
        self._trouble: str | None = None
        self._beat = time.monotonic()

    def limit(self, cap: Cap) -> None:
        """Stand still beyond this cap; before `run`."""
        self._handling.cap = cap

    def run(self) -> None:
        """Consume until `stop()`. Raises Fatal, or the error of a timer."""
        self._log.subscribe(self.topics, self._assigned, self._revoked)
        try:
            while not self._stop.is_set():
                self._patiently(self._turn, self._wait_polled)
        finally:
            self._log.close()

    def stop(self) -> None:
        """Finish the batch at hand, or the try at it, then leave the group."""
        self._stop.set()

    def poke(self) -> None:
        """Run the timers at the next turn, whatever their period: there is work for them."""
        self._poked.set()

    def alive(self) -> bool:
        """The loop turns."""
        return time.monotonic() - self._beat < STUCK_SECONDS

    def ready(self) -> str | None:
        """None when partitions were assigned and nothing is in trouble, else the reason."""
        return self._standstill.reason or self._trouble or (None if self._joined else "not in the group yet")

    def _turn(self) -> None:
        self._beat = time.monotonic()
        wait = 0 if self._poked.is_set() else max(0.0, min(IDLE_WAIT, min(self._due) - time.monotonic()))
        if self._standstill.reason:
            self._log.pause(list(self._owned.saved))
            self._put_back(self._log.fetch(BATCH, wait))
        elif records := self._log.fetch(BATCH, wait):
            try:
                self._patiently(lambda: self._handling.process(self._owned.only(records)), self._wait_polled)
            except TooMany as error:
                self._stand(str(error))
            except Stopping:
                return
        self._run_timers()

    # -- trouble -------------------------------------------------------------------------------------------------

    def _patiently(self, work: Callable[[], None], wait: Callable[[float], object]) -> None:
        """Do it; in transient trouble again and again in place, until it is done or we stop."""
        delay = BACKOFF[0]
        while not self._stop.is_set():
            try:
                work()
            except Transient as error:
                self._trouble = str(error)
                metrics.batch_retries.labels(self.name).inc()
                log.warning("in trouble, trying again", event_key="consumer.retry", error=str(error), delay=delay)
                wait(delay * random.uniform(0.5, 1.5))  # noqa: S311
                delay = min(delay * 2, BACKOFF[1])
            else:
                self._trouble = None
                return

    def _between(self) -> None:
        """Two tries at a batch: the loop turns, however many it takes."""
        self._beat = time.monotonic()
        if self._stop.is_set():
            raise Stopping

    def _wait_polled(self, seconds: float) -> None:
        """Stay a member of the group while fetching nothing."""
        end = time.monotonic() + seconds
        self._log.pause(list(self._owned.saved))
        try:
            while (left := end - time.monotonic()) > 0 and not self._stop.is_set():
                self._beat = time.monotonic()
                self._put_back(self._log.fetch(BATCH, min(left, IDLE_WAIT)))
        except Transient:
            self._stop.wait(max(0.0, end - time.monotonic()))
        finally:
            self._log.resume(list(self._owned.saved))

    def _wait_unpolled(self, seconds: float) -> None:
        """Inside a callback of the client, which must not be called from there."""
        self._beat = time.monotonic()
        self._stop.wait(seconds)

    def _stand(self, why: str) -> None:
        """Nothing of this fetch is skipped: it is read again when a person lets us go on, or by our successor."""
        todo = f"see `demae parked list`; then start it anew, repaired, or `demae parked resume {self.name}`"
        self._standstill.begin(f"stopped: {why}; {todo}")
        self._log.seek(self._owned.next())
        self._due[-1] = 0.0
        log.critical("the consumer stands still", event_key="consumer.stopped", reason=why)

    def _go_on(self) -> None:
        self._log.resume(list(self._owned.saved))
        log.warning("the consumer goes on: a person said so", event_key="consumer.resumed")

    def _put_back(self, records: Sequence[Record]) -> None:
        """Records of places assigned while we were paused: paused too, and read again later."""
        places = {place_of(record) for record in self._owned.only(records)}
        self._log.pause(sorted(places))
        self._log.seek({place: at for place, at in self._owned.next().items() if place in places})

    # -- ownership -----------------------------------------------------------------------------------------------

    def _assigned(self, places: Sequence[Place]) -> Mapping[Place, int]:
        """Called by the client inside fetch: where to read the new places from. Waits for the database."""
        starts: dict[Place, int] = {}
        self._patiently(lambda: starts.update(self._owned.add(places)), self._wait_unpolled)
        self._joined = True
        log.info("reading new partitions", event_key="consumer.assigned", places=len(places))
        return starts

    def _revoked(self, places: Sequence[Place]) -> None:
        self._log.resume(places)  # the client's pause outlives the assignment: the place would come back paused
        self._owned.remove(places)
        log.info("partitions went to another member", event_key="consumer.revoked", places=len(places))

    # -- between batches -----------------------------------------------------------------------------------------

    def _run_timers(self) -> None:
        poked = self._poked.is_set()
        self._poked.clear()
        for index, timer in enumerate(self._timers):
            if (poked and timer.poked) or time.monotonic() >= self._due[index]:
                self._due[index] = time.monotonic() + timer.seconds
                timer.run(self._database)
                reach("consumer.after_timer")

    def _housekeeping(self, database: Database) -> None:
        """What costs too much for every batch: skipped positions, Kafka's offsets, lag, parked keys, a standstill."""
        self._owned.write_ahead()
        if self._owned.saved != self._committed:
            reach("consumer.before_offsets")
            self._committed = dict(self._owned.saved)
            self._log.commit(self._committed)
        with database.transaction() as tx:
            waiting = parked.report(tx, self.name)
            ready = parked.ready_keys(tx, self.name, self._owned.saved) if waiting.rows else []
            resumed = self._standstill.reason is not None and self._standstill.resumed(tx)
        if resumed:
            self._go_on()
        self._measure(waiting)
        if self._drain.run(database, ready, self._owned.saved):
            self._due[-1] = 0.0  # more may wait: again, after live events had their turn

    def _measure(self, waiting: parked.Waiting) -> None:
        behind = self._log.lag(self._owned.next())
        for topic in self.topics:
            metrics.lag.labels(self.name, topic).set(sum(n for place, n in behind.items() if place.topic == topic))
        metrics.parked_heads.labels(self.name).set(waiting.heads)
        metrics.parked_rows.labels(self.name).set(waiting.rows)
        metrics.parked_oldest.labels(self.name).set(waiting.oldest)
        metrics.consumer_stopped.labels(self.name).set(self._standstill.reason is not None)


__all__ = ["Batch", "Consumer", "Handler", "Timer"]
