"""All SQL of the keeper."""

from typing import LiteralString

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

# Looked at again, so that a slot repaired in between is left alone. What is written while there is no publication never
# comes out of a slot: up to Postgres 17 it cannot be decoded, from 18 on it is passed over without a word.
DEAD = """
FROM pg_replication_slots WHERE slot_name = %(slot)s
  AND (wal_status = 'lost' OR NOT EXISTS (SELECT FROM pg_publication_tables WHERE pubname = %(publication)s))
"""
END_READER: LiteralString = "SELECT pg_terminate_backend(active_pid) " + DEAD + " AND active"
DROP_DEAD_SLOT: LiteralString = "SELECT pg_drop_replication_slot(slot_name) " + DEAD


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


def drop_dead_slot(url: str, user: str, password: str) -> bool:
    """Drop the slot if its WAL, or its publication, is gone; -> whether it was.

    As the connector's own role, on a connection of its own: dropping needs REPLICATION, and the keeper has it not.
    Transient when the database is away or a dying session still holds the slot.
    """
    names = {"slot": SLOT, "publication": PUBLICATION}
    try:
        with psycopg.connect(make_conninfo(url, user=user, password=password, connect_timeout=5)) as connection:
            connection.execute(END_READER, names)
            return connection.execute(DROP_DEAD_SLOT, names).fetchone() is not None
    except (psycopg.OperationalError, psycopg.errors.ObjectInUse) as error:
        raise Transient(f"database: {error}") from error
