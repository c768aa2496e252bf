"""All SQL of the keeper."""

import psycopg
from psycopg.conninfo import make_conninfo

from chassis.database import Transaction
from chassis.envelope import Event
from chassis.errors import Transient
from chassis.outbox import publish
from keeper.connector import PUBLICATION, SLOT
from keeper.domain import Slot
from keeper.events import KEY, TOPIC, Tick

LAST_TICK = "SELECT (payload::json ->> 'k')::bigint FROM outbox ORDER BY seq DESC LIMIT 1"

TABLES = "SELECT schemaname || '.' || tablename FROM pg_publication_tables WHERE pubname = %s ORDER BY 1"

SLOT_STATE = """
SELECT wal_status, active,
       coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), coalesce(confirmed_flush_lsn, restart_lsn)), 0)::bigint
FROM pg_replication_slots WHERE slot_name = %s
"""

# wal_status again, so that a slot repaired in between is left alone.
DROP_LOST_SLOT = """
SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = %s AND wal_status = 'lost'
"""


def last_tick(tx: Transaction) -> int:
    """The youngest tick ever written; 0 when there is none."""
    row = tx.execute(LAST_TICK).fetchone()
    return int(row[0]) if row else 0


def write_tick(tx: Transaction, k: int) -> None:
    """Publish tick `k`."""
    publish(tx, [Event(topic=TOPIC, key=KEY, type="tick", data=Tick(k))])


def published_tables(tx: Transaction) -> list[str]:
    """`schema.table` of every table in the publication; empty while the migrations have not made it."""
    return [str(row[0]) for row in tx.execute(TABLES, [PUBLICATION]).fetchall()]


def slot(tx: Transaction) -> Slot | None:
    """The connector's slot; None when there is none."""
    row = tx.execute(SLOT_STATE, [SLOT]).fetchone()
    return Slot(str(row[0]), bool(row[1]), int(row[2])) if row else None


def drop_lost_slot(url: str, user: str, password: str) -> bool:
    """Drop the slot if it is lost; -> whether it was.

    As the connector's own role, on a connection of its own: dropping needs REPLICATION, and the keeper has it not.
    Transient when the database is away or a dying session still holds the slot.
    """
    try:
        with psycopg.connect(make_conninfo(url, user=user, password=password, connect_timeout=5)) as connection:
            return connection.execute(DROP_LOST_SLOT, [SLOT]).fetchone() is not None
    except (psycopg.OperationalError, psycopg.errors.ObjectInUse) as error:
        raise Transient(f"database: {error}") from error
