"""The reconciler: a process that makes what is missing, again and again."""

import queue

import psycopg

from bootstrap.reconcile import Reconciler
from bootstrap.settings import Settings
from chassis.database import said
from chassis.errors import Fatal, Transient
from chassis.telemetry import log

PERIOD_SECONDS = 60.0  # so long may something be missing that was there
RETRY_SECONDS = 2.0


class Watch:
    """`run` blocks until `stop`. What fails is tried again: a person may mend it, and nothing is gained by dying."""

    def __init__(self, settings: Settings) -> None:
        self._reconciler = Reconciler(settings, self._tell, self._note)
        self._stop: queue.SimpleQueue[None] = queue.SimpleQueue()  # reentrant: `stop` is called from a signal handler
        self._reason: str | None = "nothing has been looked at yet"
        self._noted: set[str] = set()

    def run(self) -> None:
        """Reconcile until stopped."""
        while not self._stopped(RETRY_SECONDS if self._round() else PERIOD_SECONDS):
            pass

    def stop(self) -> None:
        """From a signal handler."""
        self._stop.put(None)

    def alive(self) -> bool:
        """Always: a long migration is no fault."""
        return True

    def ready(self) -> str | None:
        """None when the last round found or made everything, else what it met."""
        return self._reason

    def _round(self) -> str | None:
        reason = self._try()
        if reason and reason != self._reason:
            log.warning("something is missing", event_key="bootstrap.trouble", error=reason)
        elif not reason and self._reason:
            log.info("everything is there", event_key="bootstrap.done")
        self._reason = reason
        return reason

    def _try(self) -> str | None:
        try:
            self._reconciler.round()
        except (Transient, Fatal, psycopg.Error) as error:
            return said(error)
        return None

    def _tell(self, line: str) -> None:
        log.info(line, event_key="bootstrap.made")

    def _note(self, line: str) -> None:
        if line not in self._noted:
            self._noted.add(line)
            log.warning(line, event_key="bootstrap.note")

    def _stopped(self, seconds: float) -> bool:
        try:
            self._stop.get(timeout=seconds)
        except queue.Empty:
            return False
        return True
