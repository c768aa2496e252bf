"""Forgets what no repeat and no repair can ask for any more. Parked and discarded events are never forgotten here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from chassis.database import Database
from chassis.failpoints import reach
from chassis.telemetry import log

ROWS = 5000  # deleted in one transaction at most, so that nobody waits long


@dataclass(frozen=True, slots=True)
class Retention:
    """How long rows stay. `inbox` must exceed `outbox` (a repair re-reads it) plus the longest rewind allowed."""

    outbox: timedelta = timedelta(days=3)
    inbox: timedelta = timedelta(days=10)
    slot: str = "demae"
    """The replication slot that must be healthy before outbox rows go: they are what a lost slot is repaired from."""


# seq order is near enough to age: the scan ends at the first young row of the oldest ROWS.
OUTBOX = """
DELETE FROM outbox WHERE seq IN (SELECT seq FROM outbox ORDER BY seq LIMIT %(rows)s) AND at < now() - %(keep)s
  AND EXISTS (SELECT FROM pg_replication_slots
              WHERE slot_name = %(slot)s AND active AND wal_status IN ('reserved', 'extended'))
RETURNING 1
"""

INBOX = """
DELETE FROM inbox WHERE event_id IN (SELECT event_id FROM inbox WHERE at < now() - %(keep)s LIMIT %(rows)s) RETURNING 1
"""


def prune(database: Database, retention: Retention = Retention()) -> int:
    """One round; -> rows deleted. For a Timer of a minute. Raises Transient."""
    deleted = 0
    for statement, keep in ((OUTBOX, retention.outbox), (INBOX, retention.inbox)):
        with database.transaction() as tx:
            rows = tx.execute(statement, {"rows": ROWS, "keep": keep, "slot": retention.slot}).fetchall()
            reach("prune.before_commit")
        deleted += len(rows)
    if deleted:
        log.info("pruned old rows", event_key="prune.done", rows=deleted)
    return deleted
