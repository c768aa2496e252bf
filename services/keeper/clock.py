"""The log's clock as a closed loop: it reads its tick back out of the log before it writes the next."""

import queue
import time
from collections.abc import Callable, Iterator, Sequence

from chassis.database import Database
from chassis.envelope import Reader, Record, Unreadable, attributes
from chassis.errors import Transient
from chassis.failpoints import reach
from chassis.telemetry import log
from keeper import domain, store, telemetry
from keeper.events import READS

BACK_OFF_SECONDS = 1.0
# A clock that stands this long is a fault: of change data capture, of the broker, or of this process.
READY_SECONDS = 10.0
STUCK_SECONDS = 60.0


class Clock:
    """Writes tick k+1 one second after tick k came back, never before. `run` blocks until `stop`.

    It is told of the log by a feed of topic `ticks`: `began` when reading starts (the topic's last tick follows at
    once), `came` for what is read.
    """

    def __init__(self, database: Database, now: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._now = now
        self._reader = Reader(READS)
        # Reentrant: `stop` is called from a signal handler.
        self._news: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        self._state: domain.Clock | None = None
        self._seen = 0
        self._began: float | None = None
        self._wrote = False
        self._moved: float | None = None
        self._beat = now()
        self._stopping = False
        telemetry.tick_age.set_function(self.age)

    def began(self) -> None:
        """Reading starts, anew perhaps. From the feed's thread."""
        self._began = self._now()
        self._news.put(None)

    def came(self, records: Sequence[Record]) -> None:
        """Records came out of the log. From the feed's thread."""
        for k in self._ticks(records):
            self._news.put(k)

    def run(self) -> None:
        """The loop; database trouble is waited out."""
        while not self._stopping:
            self._beat = self._now()
            try:
                self.turn()
            except Transient as error:
                log.warning("the clock waits for the database", event_key="clock.trouble", error=str(error))
                # Whether a broken transaction committed is in the table only.
                self._state = None
                time.sleep(BACK_OFF_SECONDS)

    def stop(self) -> None:
        """Make `run` return after what is at hand; from any thread."""
        self._stopping = True
        self._news.put(None)

    def age(self) -> float:
        """Seconds since the clock last moved; infinite before it did."""
        return float("inf") if self._moved is None else self._now() - self._moved

    def alive(self) -> bool:
        """The loop turns."""
        return self._now() - self._beat < STUCK_SECONDS

    def ready(self) -> str | None:
        """Why the log cannot be relied on, or None. The connector's own status does not count: RUNNING is no proof."""
        if self._moved is None:
            return "no tick came out of the log yet"
        age = self.age()
        return None if age < READY_SECONDS else f"no tick came out of the log for {age:.0f} s"

    def turn(self) -> None:
        """Wait up to a second for a tick, then write the one that is due, if any. Raises Transient."""
        state = self._state = self._state or self._load()
        if (k := self._next(domain.pause(state, self._now()))) is not None:
            state = self._state = self._hear(state, k)
        if self._began is not None and domain.due(state, self._now(), flowing=True) is not None:
            self._state = self._write(state)

    def _load(self) -> domain.Clock:
        with self._database.transaction() as tx:
            written = store.last_tick(tx)
        # A second passes from the start of reading on: the topic may hold a younger tick than a restored database.
        return domain.Clock(written, self._seen, max(self._now(), self._began or 0.0))

    def _next(self, wait: float) -> int | None:
        try:
            return self._news.get(timeout=wait)
        except queue.Empty:
            return None

    def _ticks(self, records: Sequence[Record]) -> Iterator[int]:
        for record in records:
            try:
                yield self._reader.read(record, attributes(record)).data.k
            except Unreadable as error:
                log.warning("not a tick", event_key="clock.unreadable", offset=record.offset, error=str(error))

    def _hear(self, state: domain.Clock, k: int) -> domain.Clock:
        heard = domain.heard(state, k, self._now())
        if heard is not state:
            self._seen = heard.seen
            if self._wrote:  # what lay in the topic before is no proof that anything flows now
                telemetry.tick_round_trip.observe(heard.since - state.since)
                self._moved = heard.since
        return heard

    def _write(self, state: domain.Clock) -> domain.Clock:
        with self._database.transaction() as tx:
            slot = store.slot(tx)
            k = domain.due(state, self._now(), flowing=slot is not None and slot.active)
            if k is not None:
                store.write_tick(tx, k)
                self._wrote = True
                reach("keeper.before_tick")
        if k is None:
            return state
        reach("keeper.after_tick")
        if k == state.written:
            telemetry.repairs.labels("repeat_tick").inc()
            log.warning("a tick did not come back: written again", event_key="clock.repeated", k=k)
        return domain.wrote(state, k, self._now())
