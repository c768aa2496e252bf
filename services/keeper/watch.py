"""The watch over the connector: one thread that looks every two seconds and repairs what it finds."""

import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta

from chassis.database import Database
from chassis.errors import Transient
from chassis.failpoints import reach
from chassis.prune import Retention, prune
from chassis.telemetry import log
from keeper import domain, store, telemetry
from keeper.connect import Connect
from keeper.connector import SLOT, Source, configuration
from keeper.domain import Repair

LOOK_SECONDS = 2.0
RETRY_SECONDS = 0.5  # while Connect starts, so that the first event flows soon
# A configuration changed by somebody else is set right again within this time.
COMPARE_SECONDS = 30.0
PRUNE_SECONDS = 60.0
# The clock needs only its youngest tick; the rest is for a person who looks back.
KEPT = Retention(outbox=timedelta(days=1), slot=SLOT)
STUCK_SECONDS = 120.0  # two calls of Connect that run into their time-out


class Watch:
    """Registers the connector, restarts what FAILED, drops a lost slot: a background part of the process."""

    def __init__(
        self, database: Database, connect: Connect, source: Source, drop_dead_slot: Callable[[], bool]
    ) -> None:
        self._database = database
        self._connect = connect
        self._source = source
        self._drop_dead_slot = drop_dead_slot
        self._registered: Sequence[str] = ()
        self._compared = self._pruned = -float("inf")
        self._trouble = ""
        self._failure: BaseException | None = None
        self._stopping = threading.Event()
        self._beat = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def start(self) -> None:
        """Look from now on; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more; waits a little for the call at hand."""
        self._stopping.set()
        self._thread.join(timeout=5)

    def alive(self) -> bool:
        """The loop turns."""
        return self._failure is None and time.monotonic() - self._beat < STUCK_SECONDS

    def ready(self) -> str | None:
        """Always: what the connector says of itself is no reason to believe or to doubt it. See `Clock.ready`."""
        return None

    def turn(self) -> None:
        """Look once, report, repair at most one thing. Raises Transient."""
        with self._database.transaction() as tx:
            slot, tables = store.slot(tx), store.published_tables(tx)
        _report_slot(slot)
        connector = self._connector() if tables else None
        repair = domain.repair(slot, connector, published=bool(tables))
        if repair is None and not tables:
            raise Transient("the publication holds no table: the migrations have not run, or somebody dropped it")
        if repair is None and self._must_compare(tables):
            repair = Repair.REGISTER
        if repair is not None and self._done(repair, tables):
            telemetry.repairs.labels(repair.value).inc()
            log.warning("repaired change data capture", event_key=f"watch.{repair.value}", tables=len(tables))

    def _connector(self) -> domain.Connector | None:
        self._prune()
        connector = self._connect.status()
        telemetry.connector_up.set(connector is not None and {connector.state, *connector.tasks} == {"RUNNING"})
        return connector

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._beat = time.monotonic()
            try:
                self.turn()
                self._trouble = ""
            except Transient as error:
                self._report(str(error))
            except Exception as error:
                self._failure = error
                log.exception("the watch failed", event_key="watch.failed")
                return
            self._stopping.wait(RETRY_SECONDS if self._trouble else LOOK_SECONDS)
        self._connect.close()

    def _report(self, trouble: str) -> None:
        telemetry.connector_up.set(0)
        if trouble != self._trouble:
            log.warning("the watch waits", event_key="watch.trouble", error=trouble)
        self._trouble = trouble

    def _must_compare(self, tables: Sequence[str]) -> bool:
        return tables != self._registered or time.monotonic() - self._compared >= COMPARE_SECONDS

    def _done(self, repair: Repair, tables: Sequence[str]) -> bool:
        """Whether there was something to do."""
        if repair is Repair.REGISTER:
            return self._register(tables)
        if repair is Repair.DROP_SLOT:
            dropped = self._drop_dead_slot()
            if dropped:
                reach("keeper.slot_dropped")
            return dropped
        self._connect.restart()
        return True

    def _register(self, tables: Sequence[str]) -> bool:
        """Only what differs: the same configuration again would start the task anew for nothing."""
        wanted = configuration(self._source, tables)
        differs = self._connect.configuration() != wanted
        if differs:
            self._connect.register(wanted)
            reach("keeper.registered")
        self._registered, self._compared = tables, time.monotonic()
        return differs

    def _prune(self) -> None:
        if time.monotonic() - self._pruned >= PRUNE_SECONDS:
            prune(self._database, KEPT)
            self._pruned = time.monotonic()


def _report_slot(slot: domain.Slot | None) -> None:
    telemetry.slot_bytes.set(slot.bytes_behind if slot else 0)
    telemetry.slot_status.state(slot.wal_status if slot else "missing")
