"""The journal and the read model as they are stored: streams in order of (order, version), of one snapshot."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString, NamedTuple
from uuid import UUID

import psycopg

from replay.errors import CannotLookError

ROWS = 2000  # fetched at once: memory does not grow with the journal

# The order is that of the column, which has an index; its text is what the row carries.
OF_ONE = """
SELECT order_id::text, version, type, at, data, payload FROM api.journal j WHERE j.order_id = %s ORDER BY j.version
"""
OF_ALL = """
SELECT order_id::text, version, type, at, data, payload FROM api.journal j ORDER BY j.order_id, j.version
"""
STORED = """
SELECT id::text, version, since, open, customer_id, restaurant_id, courier_id, document FROM api.orders o ORDER BY o.id
"""
COUNT = "SELECT count(*) FROM api.orders"


class Row(NamedTuple):
    """One version of an order: the fact that made it, and the document it made."""

    order_id: str
    version: int
    type: str
    at: datetime
    data: str
    payload: str


class Stored(NamedTuple):
    """A row of the read model, but for `due_tick`: that depends on the clock."""

    id: str
    version: int
    since: int
    open: bool
    customer_id: str
    restaurant_id: str
    courier_id: str | None
    document: str


@dataclass(frozen=True)
class Journal:
    """One moment of the database, however long it is read and whatever is written meanwhile."""

    db: psycopg.Connection[Any]

    def of(self, order_id: UUID) -> list[Row]:
        """One order's versions, from the first; empty when there is no such order."""
        return [Row(*row) for row in self.db.execute(OF_ONE, [order_id])]

    def orders(self) -> Iterator[tuple[str, Iterator[Row]]]:
        """Every order with its versions, by id. Each one's rows are read before the next order is asked for."""
        return itertools.groupby(map(Row._make, self._stream("journal", OF_ALL)), lambda row: row.order_id)

    def stored(self) -> Iterator[Stored]:
        """The read model's rows, by id."""
        return map(Stored._make, self._stream("orders", STORED))

    def count(self) -> int:
        """Orders in the read model."""
        row = self.db.execute(COUNT).fetchone()
        return int(row[0]) if row else 0

    def _stream(self, name: str, query: LiteralString) -> Iterator[tuple[Any, ...]]:
        with self.db.cursor(name) as cursor:
            cursor.itersize = ROWS
            yield from cursor.execute(query)


@contextmanager
def opened(url: str) -> Iterator[Journal]:
    """Reads and never writes. Raises CannotLookError."""
    try:
        with psycopg.connect(url, application_name="replay", connect_timeout=5) as db:
            db.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            db.read_only = True
            yield Journal(db)
    except psycopg.Error as error:
        raise CannotLookError(f"The database cannot be read: {' '.join(str(error).split())}") from error
