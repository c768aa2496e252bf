"""All of check's SQL: what the database holds, as role `verify`, in one snapshot.

Each statement of COPIES makes whole lines for the spill (`space/id TAB tag TAB json`): Postgres formats, nobody parses,
and the snapshot is held for no longer than copying takes. Sorting is done here, not in the database.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from check.spill import Spill

Connection = psycopg.Connection[tuple[Any, ...]]
Place = tuple[str, str, int]
"""(service, topic, partition)."""
At = tuple[str, str, int, int]
"""(consumer, topic, partition, offset)."""

# With these a row of one text column comes as it is: JSON holds no control character.
RAW = sql.SQL("COPY ({}) TO STDOUT (FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02')")

ORDERS = """
SELECT 'order/' || id || E'\\tO\\t' || json_build_array(version, since, open, customer_id, restaurant_id, courier_id,
  due_tick, document) FROM api.orders WHERE id >= {since}::uuid AND id <= {until}::uuid
"""
PLACEMENTS = """
SELECT 'order/' || order_id || E'\\tL\\t' || json_build_array(customer_id, key, extract(epoch FROM at))
FROM api.placement WHERE order_id >= {since}::uuid AND order_id <= {until}::uuid
"""
JOURNAL = """
SELECT 'order/' || order_id || E'\\tJ\\t' || json_build_array(seq, id, type, version, payload, data,
  extract(epoch FROM at)) FROM api.journal WHERE order_id >= {since}::uuid AND order_id <= {until}::uuid
"""
PAYMENTS = """
SELECT 'order/' || order_id || E'\\tP\\t' || json_build_array(amount, currency, intent, captured, ended, settled, tries,
  due_at IS NOT NULL) FROM payment.payment WHERE order_id >= {since} AND order_id <= {until}
"""
JOBS = """
SELECT 'order/' || order_id || E'\\tD\\t' || json_build_array(state, courier_id, n)
FROM delivery.job WHERE order_id >= {since} AND order_id <= {until}
"""
COURIERS = """
SELECT 'order/' || carried || E'\\tC\\t' || json_build_array(courier_id)
FROM delivery.courier, unnest(others || order_id) AS carried WHERE carried >= {since} AND carried <= {until}
"""
TICKETS = """
SELECT 'order/' || order_id || E'\\tT\\t' || json_build_array(state, restaurant_id, lines::text, held)
FROM restaurant.ticket WHERE order_id >= {since} AND order_id <= {until}
"""
OF_ORDERS: tuple[LiteralString, ...] = (ORDERS, PLACEMENTS, JOURNAL, PAYMENTS, JOBS, COURIERS, TICKETS)

# Keys are written with the digits and letters of ids; what else a poisoned key holds is replaced, as the spill does.
OUTBOX = """
SELECT (CASE topic WHEN 'orders.events' THEN 'order/' ELSE topic || '/' END)
  || regexp_replace(key, '[\\x01-\\x1f]', '\ufffd', 'g') || E'\\tX\\t'
  || json_build_array({service}, seq, id, topic, type, payload, source, schema_version, extract(epoch FROM at))
FROM {table} WHERE topic <> 'ticks' AND ({everything} OR (topic = 'orders.events' AND key BETWEEN {since} AND {until}))
"""
PARKED = """
SELECT (CASE topic WHEN 'orders.events' THEN 'order/' ELSE topic || '/' END)
  || regexp_replace(key, '[\\x01-\\x1f]', '\ufffd', 'g') || E'\\tQ\\t'
  || json_build_array(consumer, topic, partition, "offset", event_id, state, error, attempts, extract(epoch FROM at),
  extract(epoch FROM decided))
FROM {table} WHERE {everything} OR (topic = 'orders.events' AND key BETWEEN {since} AND {until})
"""

DISCARDED = """
SELECT (CASE topic WHEN 'orders.events' THEN 'order/' ELSE topic || '/' END)
  || regexp_replace(key, '[\\x01-\\x1f]', '\ufffd', 'g') || E'\\tR\\t'
  || json_build_array('discarded', consumer, topic, partition, "offset")
FROM {table} WHERE {everything} OR (topic = 'orders.events' AND key BETWEEN {since} AND {until})
"""

# First rows of keys that may go on: no person is waited for. (Without a key nothing waits behind a head.)
UNDRAINED = """
SELECT consumer, topic, partition, "offset" FROM (
  SELECT DISTINCT ON (consumer, topic, partition, key) consumer, topic, partition, "offset", state FROM {table}
  WHERE key <> '' OR state <> 'head' ORDER BY consumer, topic, partition, key, "offset") AS first
WHERE state <> 'head'
"""

OF_SERVICES: tuple[tuple[LiteralString, str], ...] = ((OUTBOX, "outbox"), (PARKED, "parked"), (DISCARDED, "discarded"))

# By their tables, not by the publication: an outbox that has fallen out of that is looked at all the more.
SCHEMAS = """
SELECT schemaname FROM pg_tables WHERE tablename IN ('outbox', 'parked', 'discarded', 'position')
GROUP BY 1 HAVING count(*) = 4 ORDER BY 1
"""
# An outbox that is empty may have been pruned to its end.
OLDEST = """
SELECT coalesce(min(seq), 2), extract(epoch FROM coalesce(min(at), clock_timestamp()))::float8 FROM {table}
"""
POSITIONS = "SELECT topic, partition, next FROM {table}"
# Of dishes that no kitchen has counted since they were planted.
STOCK = "SELECT restaurant_id, item_id, quantity FROM restaurant.stock WHERE counted_at IS NULL"
NOW = "SELECT extract(epoch FROM clock_timestamp())::float8"
CLOCK = "SELECT k FROM api.clock"
SLOT = """
SELECT wal_status, active, coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), coalesce(confirmed_flush_lsn, restart_lsn)),
  0)::bigint, (SELECT setting::bigint FROM pg_settings WHERE name = 'max_slot_wal_keep_size')
FROM pg_replication_slots WHERE slot_name = 'demae'
"""
# What still moves, or waits: orders not ended, payments with something to ask, cancelled ones without a settlement.
UNSETTLED = """
SELECT (SELECT count(*) FROM api.orders WHERE open),
       (SELECT count(*) FROM payment.payment WHERE due_at IS NOT NULL),
       (SELECT count(*) FROM payment.payment WHERE ended = 'cancelled' AND settled IS NULL)
"""


@dataclass(frozen=True)
class Slot:
    """The connector's slot. `keep_megabytes`: what Postgres keeps for it at most; -1: without a bound."""

    wal_status: str
    active: bool
    bytes_behind: int
    keep_megabytes: int


@dataclass(frozen=True)
class Range:
    """The ids of orders to look at, as text; ids are UUIDv7 and sort by the time of placing."""

    since: str = "00000000-0000-0000-0000-000000000000"
    until: str = "ffffffff-ffff-ffff-ffff-ffffffffffff"

    @property
    def everything(self) -> bool:
        """No order is left out."""
        return self == Range()

    def limits(self) -> dict[str, str | bool]:
        """For the statements."""
        return {"since": self.since, "until": self.until, "everything": self.everything}

    def holds(self, order_id: str) -> bool:
        """Whether the order is looked at. Keys that are no ids are looked at with everything else."""
        return self.everything or self.since <= order_id <= self.until


class Tables:
    """One snapshot of the database."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection
        self.services = [str(row[0]) for row in connection.execute(SCHEMAS)]

    def copy(self, wanted: Range, spill: Spill) -> None:
        """Every table's lines into the spill."""
        ids = {name: sql.Literal(value) for name, value in wanted.limits().items()}
        for text in OF_ORDERS:
            self._copy(sql.SQL(text).format(**ids), spill)
        for service in self.services:
            for text, table in OF_SERVICES:
                names = {"service": sql.Literal(service), "table": sql.Identifier(service, table)}
                self._copy(sql.SQL(text).format(**names, **ids), spill)

    def _copy(self, query: sql.Composed, spill: Spill) -> None:
        with self._db.cursor() as cursor, cursor.copy(RAW.format(query)) as rows:
            for row in rows:
                spill.add_line(bytes(row))

    def now(self) -> float:
        """The database's clock."""
        return float(self._one(NOW)[0])

    def clock(self) -> int:
        """The ticks that api has counted."""
        return int(self._one(CLOCK)[0])

    def oldest(self) -> Mapping[str, float]:
        """Service → the time of its oldest outbox row, where older ones have been (or may have been) pruned."""
        found = {}
        for service in self.services:
            seq, at = self._one(sql.SQL(OLDEST).format(table=sql.Identifier(service, "outbox")))
            if seq > 1:
                found[service] = float(at)
        return found

    def positions(self) -> dict[Place, int]:
        """The next offset of every consumer."""
        found: dict[Place, int] = {}
        for service in self.services:
            rows = self._db.execute(sql.SQL(POSITIONS).format(table=sql.Identifier(service, "position")))
            found |= {(service, topic, partition): following for topic, partition, following in rows}
        return found

    def undrained(self) -> frozenset[At]:
        """The first parked rows of keys that may go on."""
        found: set[At] = set()
        for service in self.services:
            found |= set(self._db.execute(sql.SQL(UNDRAINED).format(table=sql.Identifier(service, "parked"))))
        return frozenset(found)

    def stock(self) -> dict[tuple[str, str], int]:
        """(Restaurant, dish) → how many are left, where nobody but orders has changed it."""
        return {(restaurant, item): quantity for restaurant, item, quantity in self._db.execute(STOCK)}

    def slot(self) -> Slot | None:
        """None when there is no slot."""
        row = self._db.execute(SLOT).fetchone()
        return Slot(*row) if row else None

    def unsettled(self) -> tuple[int, int, int]:
        """Orders not ended, payments with something to ask, cancelled orders without a settlement."""
        row = self._one(UNSETTLED)
        return row[0], row[1], row[2]

    def _one(self, query: LiteralString | sql.Composed) -> tuple[Any, ...]:
        row = self._db.execute(query).fetchone()
        assert row is not None  # each of these always has one
        return row


@contextmanager
def snapshot(url: str) -> Iterator[Tables]:
    """All reads in the block see one moment. Raises psycopg.Error."""
    with psycopg.connect(url, autocommit=True, application_name="check") as connection:
        connection.execute("SET TIME ZONE 'UTC'")
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield Tables(connection)


@contextmanager
def live(url: str) -> Iterator[Tables]:
    """Each read sees what is there now. Raises psycopg.Error."""
    with psycopg.connect(url, autocommit=True, application_name="check") as connection:
        yield Tables(connection)
