"""What must be there before a process can work: waited for at start, where it would else die and be started again.

Database, tables and topics may come later than the process; in a cluster there is no order of starting. A broker that
is away is not waited for: work that is in the database already goes on without it.
"""

from __future__ import annotations

import queue
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psycopg
from psycopg import sql

from chassis.database import TROUBLE, said
from chassis.errors import Transient
from chassis.migrate import pending
from chassis.settings import ServiceSettings
from chassis.telemetry import log
from chassis.topics import Unreachable, partitions

PAUSE_SECONDS = 0.5  # between two looks
DATABASE_SECONDS = 5  # for its answer
KAFKA_SECONDS = 2  # for a broker's

Look = Callable[[], str | None]
"""-> what is missing, for people; None when nothing is."""


class Prerequisites:
    """A part of a process that is alive, not ready, and looks until nothing is missing."""

    def __init__(self, looks: Sequence[Look]) -> None:
        self._looks = looks
        self._reason: str | None = "nothing has been looked at yet"
        # Reentrant: `stop` is called from a signal handler, while `wait` waits.
        self._end: queue.SimpleQueue[bool | Exception] = queue.SimpleQueue()
        self._stopped = False

    def wait(self) -> bool:
        """Blocks until nothing is missing; False when `stop` came first. Raises what a look raises."""
        # In a thread: a look may take seconds, and a stop may not.
        threading.Thread(target=self._run, name="prerequisites", daemon=True).start()
        end = self._end.get()
        if isinstance(end, Exception):
            raise end
        return end

    def stop(self) -> None:
        """Wait no more; from a signal handler."""
        self._stopped = True
        self._end.put(False)

    def alive(self) -> bool:
        """Waiting is no fault."""
        return True

    def ready(self) -> str | None:
        """What is missing."""
        return self._reason

    def _run(self) -> None:
        try:
            while not self._stopped and (missing := self._missing()) is not None:
                if missing != self._reason:
                    log.warning("waiting at start", event_key="process.waiting", missing=missing)
                self._reason = missing
                time.sleep(PAUSE_SECONDS)
        except Exception as error:  # handed to the thread that waits
            self._end.put(error)
        else:
            self._end.put(not self._stopped)

    def _missing(self) -> str | None:
        """The first thing: what comes after it needs it."""
        return next((missing for look in self._looks if (missing := look()) is not None), None)


def of_service(settings: ServiceSettings, topics: Sequence[str], views: Sequence[str]) -> list[Look]:
    """The looks of a service that reads `topics`, and `views` of other services."""
    migrations = own_migrations()
    looks: list[Look] = [lambda: _database(settings.database_url, migrations, views)]
    if topics:
        looks.append(lambda: _topics(settings, topics))
    return looks


def own_migrations() -> Path | None:
    """The folder beside the program that runs; None when it keeps nothing."""
    file = getattr(sys.modules["__main__"], "__file__", None)
    folder = Path(file).resolve().parent / "migrations" if file else None
    return folder if folder is not None and any(folder.glob("*.sql")) else None


def _database(url: str, migrations: Path | None, views: Sequence[str]) -> str | None:
    try:
        with psycopg.connect(url, connect_timeout=DATABASE_SECONDS, autocommit=True) as db:
            if migrations and (left := pending(db, migrations.parent.name, migrations)):
                return f"database: {left[0]} is not applied yet"
            for view in views:
                db.execute(sql.SQL("SELECT FROM {} LIMIT 0").format(sql.Identifier(*view.split("."))))
    except (psycopg.errors.UndefinedTable, psycopg.errors.InsufficientPrivilege) as error:
        return f"database: {error.diag.message_primary}"
    except TROUBLE as error:
        return f"database: {said(error)}"
    return None


def _topics(settings: ServiceSettings, topics: Sequence[str]) -> str | None:
    try:
        known = partitions(settings.kafka_bootstrap, settings.kafka_client(), KAFKA_SECONDS)
    except Unreachable as error:
        log.warning("starting without the log", event_key="process.no_broker", error=str(error))
        return None
    except Transient as error:
        return str(error)
    missing = sorted(set(topics) - known.keys())
    return f"kafka: there is no topic {', '.join(missing)} yet, or no right to see it" if missing else None
