"""The look at the log before api works on its tables, and beside its work where there was no broker to look at."""

import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress

from api import recovered
from api.recovery import Memory, obeyed
from api.settings import ApiSettings
from chassis.database import Database
from chassis.errors import Transient
from chassis.past import Past
from chassis.telemetry import log
from chassis.topics import Unreachable, partitions

THERE_SECONDS = 2.0  # to know whether a broker is
PATIENCE_SECONDS = 60.0  # with one that is away: it may start as we do, and know more than we
AGAIN_SECONDS = 1.0  # between two looks beside the work


class Look:
    """What the tables have forgotten: api starts when it says None. `obey`: recover, once a person has asked for it.

    A broker that is away is waited for, as what is written meanwhile is published when it is back. The projector, which
    obeys, has nothing to do without a log. Orders can be taken without: http does not wait for ever, and not when there
    is no order yet; it notes where the tables ended, and looks beside its work.
    """

    def __init__(self, settings: ApiSettings, *, obey: bool) -> None:
        self.forgotten: str | None = None
        """What a look beside the work has found."""
        self._settings = settings
        self._obey = obey
        self._away: float | None = None  # since when the broker is
        self._whole = False  # by the last look

    def __call__(self) -> str | None:
        try:
            try:
                return self._compare()
            except Unreachable as error:
                return self._without(str(error))
        except Transient as error:
            return str(error)

    def beside(self, end: Callable[[], None]) -> None:
        """Returns at once. Where no look was made at the start, goes on until one is; `end` when it finds something."""
        if not self._whole:
            threading.Thread(target=self._work, args=(end,), name="look", daemon=True).start()

    def _work(self, end: Callable[[], None]) -> None:
        try:
            self.forgotten = self._until_made()
        except Exception as error:
            self.forgotten = f"{type(error).__name__}: {error}"
        if self.forgotten:
            end()

    def _until_made(self) -> str | None:
        before = None
        while True:
            time.sleep(AGAIN_SECONDS)
            with suppress(Transient):
                if (missing := self._compare()) is None:
                    log.info("the tables have what the log has", event_key="recovery.looked")
                    return None
                if before:  # once may be a transaction that waits for a standby: read already, not to be seen yet
                    return missing
                before = missing

    def _compare(self) -> str | None:
        settings = self._settings
        partitions(settings.kafka_bootstrap, settings.kafka_client(), THERE_SECONDS)
        with closing(Database(settings.database_url, "api look", 1)) as database, closing(Past(settings)) as past:
            memory = Memory(database, past, settings.allowances)
            missing = obeyed(database, memory) if self._obey else memory.gap()
        self._whole = missing is None
        return missing

    def _without(self, why: str) -> str | None:
        if self._obey:
            return why
        now = time.monotonic()
        self._away = self._away or now
        with closing(Database(self._settings.database_url, "api look", 1)) as database, database.transaction() as tx:
            if now - self._away < PATIENCE_SECONDS and recovered.whole_until(tx) is not None:
                return f"{why}: for {PATIENCE_SECONDS:.0f} s, as the log may know more than the tables"
            recovered.doubt(tx)
        log.warning("starting without a look at the log", event_key="recovery.no_look", error=why)
        return None
