"""The consumer loop: records in order, a batch and its positions in one transaction, trouble waited out in place.

One thread. It fetches, hands each batch to the service's handler, runs the service's timers between batches, and drains
parked keys that were released. Database or broker trouble never skips a record: the partitions are paused, the client
is still polled (it stays in its group), and the same batch is tried again.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from chassis import drain, parked
from chassis.batch import Attempt, Batch, Candidate, Handler, PositionsLost, candidate
from chassis.database import Database
from chassis.envelope import Reader, Reads, Record, attributes
from chassis.errors import Fatal, Poison, Transient
from chassis.kafka import Log, Place
from chassis.owned import Owned, place_of
from chassis.telemetry import log, metrics

BATCH = 500  # records in one transaction at most
IDLE_WAIT = 0.5  # seconds a fetch may wait, so that stop and timers are seen
BACKOFF = (0.05, 5.0)  # seconds between tries in trouble: first, longest; with jitter
HOUSEKEEPING_SECONDS = 1.0  # positions of skipped records, Kafka's offsets, lag, parked keys
STUCK_SECONDS = 60.0  # a loop that has not turned for so long is not alive

Wants = Callable[[str, str], bool]


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
        self._reads = reads
        self._reader = Reader(reads)
        self._handle = handle
        self._wants = wants or (lambda _type, _source: True)
        self._passes = passes
        # Housekeeping is last: a poke runs all timers but that one.
        self._timers = [*timers, Timer(HOUSEKEEPING_SECONDS, self._housekeeping, poked=False)]
        self._due = [0.0] * len(self._timers)
        self._owned = Owned(database, log, topics, forgetful)
        self._committed: dict[Place, int] = {}
        self._stop = threading.Event()
        self._poked = threading.Event()
        self._joined = False
        self._trouble: str | None = None
        self._beat = time.monotonic()

    def run(self) -> None:
        """Consume until `stop()`. Raises Fatal, or the error of a timer."""
        self._log.subscribe(self.topics, self._assigned, self._revoked)
        try:
            while not self._stop.is_set():
                self._patiently(self._turn, self._wait_polled)
        finally:
            self._log.close()

    def stop(self) -> None:
        """Finish the batch at hand, then leave the group."""
        self._stop.set()

    def poke(self) -> None:
        """Run the timers at the next turn, whatever their period: there is work for them."""
        self._poked.set()

    def alive(self) -> bool:
        """The loop turns."""
        return time.monotonic() - self._beat < STUCK_SECONDS

    def ready(self) -> str | None:
        """None when partitions were assigned and nothing is in trouble, else the reason."""
        return self._trouble or (None if self._joined else "not in the group yet")

    def _turn(self) -> None:
        self._beat = time.monotonic()
        wait = 0 if self._poked.is_set() else max(0.0, min(IDLE_WAIT, min(self._due) - time.monotonic()))
        if records := self._log.fetch(BATCH, wait):
            self._patiently(lambda: self._process(self._owned.only(records)), self._wait_polled)
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

    def _put_back(self, records: Sequence[Record]) -> None:
        """Records of places assigned while we were paused: paused too, and read again later."""
        places = {place_of(record) for record in self._owned.only(records)}
        self._log.pause(sorted(places))
        self._log.seek({place: at for place, at in self._owned.next().items() if place in places})

    # -- a batch -------------------------------------------------------------------------------------------------

    def _process(self, records: Sequence[Record]) -> None:
        """Handle the wanted records of a fetch; the rest only moves the position, now or with the next batch."""
        candidates = []
        for record in records:
            attrs = attributes(record)
            kind = attrs.get("ce_type", "")
            if kind in self._reads and self._wants(kind, attrs.get("ce_source", "")):
                candidates.append(candidate(record, attrs, self._reader))
            else:
                metrics.events.labels(self.name, kind if kind in self._reads else "other", "skipped").inc()
        lost = self._settle(records, candidates) if candidates else set()
        self._owned.passed([record for record in records if place_of(record) not in lost])

    def _settle(self, records: Sequence[Record], candidates: Sequence[Candidate]) -> set[Place]:
        """Commit the batch, whatever its handler says of single events; -> the places lost to another owner."""
        lost: set[Place] = set()
        while candidates:
            try:
                self._commit(records, candidates)
            except PositionsLost:
                metrics.positions_lost.labels(self.name).inc()
                lost |= self._owned.follow()
                records = [record for record in records if place_of(record) not in lost]
                candidates = [c for c in candidates if place_of(c.record) not in lost]
            except Poison as poison:
                self._mark(candidates, poison)
            except (Transient, Fatal):
                raise
            except Exception as error:
                if len(candidates) > 1:
                    return lost | self._one_by_one(candidates)
                if candidates[0].error is not None:
                    raise Fatal(f"cannot even park {candidates[0].record}: {error}") from error
                log.exception("an event cannot be handled", event_key="consumer.poison", key=candidates[0].key)
                candidates[0].error = f"{type(error).__name__}: {error}"
            else:
                break
        return lost

    def _one_by_one(self, candidates: Sequence[Candidate]) -> set[Place]:
        """The handler failed on the batch as a whole: each event in a transaction of its own shows which it was."""
        lost: set[Place] = set()
        for single in candidates:
            if place_of(single.record) not in lost:
                lost |= self._settle([single.record], [single])
        return lost

    @staticmethod
    def _mark(candidates: Sequence[Candidate], poison: Poison) -> None:
        """Note that the event cannot be handled; the batch is tried again without it."""
        for c in candidates:
            if c.event_id == poison.event.id and c.error is None:
                c.error = str(poison)
                log.error("an event is parked", event_key="consumer.parked", key=c.key, error=c.error)
                return
        raise Fatal(f"a handler called an event poison that is not in its batch: {poison.event.id}")

    def _commit(self, records: Sequence[Record], candidates: Sequence[Candidate]) -> None:
        """One transaction: positions, claims, the handler's effects, parked rows."""
        moves = self._owned.moves(records)
        with metrics.batch_seconds.labels(self.name).time(), self._database.transaction() as tx:
            attempt = Attempt(tx, self.name, self._passes)
            batch = attempt.begin(candidates, moves)
            self._handle(tx, batch)
            attempt.finish(batch)
        self._owned.moved(moves)
        attempt.count()
        for callback in batch.callbacks:
            callback()

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

    def _housekeeping(self, database: Database) -> None:
        """What costs too much for every batch: skipped positions, Kafka's offsets, lag, parked keys."""
        self._owned.write_ahead()
        if self._owned.saved != self._committed:
            self._committed = dict(self._owned.saved)
            self._log.commit(self._committed)
        behind = self._log.lag(self._owned.next())
        for topic in self.topics:
            metrics.lag.labels(self.name, topic).set(sum(n for place, n in behind.items() if place.topic == topic))
        with database.transaction() as tx:
            metrics.parked_heads.labels(self.name).set(parked.heads(tx, self.name))
            ready = [(place, key) for place, key in parked.ready_keys(tx, self.name) if place in self._owned.saved]
        for place, key in ready:
            one = drain.Key(self.name, place, key, self._owned.saved[place])
            drain.drain(database, one, self._reader, self._handle)


__all__ = ["Batch", "Consumer", "Handler", "Timer"]
