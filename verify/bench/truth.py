"""What the database and the provider say about a run: read as the role that may only read."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

PUBLISHED = "SELECT schemaname, tablename FROM pg_publication_tables WHERE pubname = 'demae' ORDER BY 1, 2"
JOURNAL = """
SELECT order_id::text, version, type, extract(epoch FROM at)::float8 FROM api.journal WHERE seq > %s ORDER BY seq
"""
LAST = "SELECT coalesce(max(seq), 0) FROM {}"
CAPTURED = "payment_intent.succeeded"

Table = tuple[str, str]
Marks = Mapping[Table, int]
JOURNAL_TABLE: Table = ("api", "journal")


@dataclass(frozen=True)
class Fact:
    """One version in the journal; `at` is the unix time of the transaction that stated the fact."""

    version: int
    type: str
    at: float


class Truth:
    """A reading connection. Call `marks` before and after a phase to know what it wrote."""

    def __init__(self, database: str) -> None:
        self._db = psycopg.connect(database, autocommit=True)

    def marks(self) -> dict[Table, int]:
        """The last number of every table that is published."""
        tables: list[Table] = self._db.execute(PUBLISHED).fetchall()
        return {table: self._last(table) for table in tables}

    def _last(self, table: Table) -> int:
        row = self._db.execute(sql.SQL(LAST).format(sql.Identifier(*table))).fetchone()
        return int(row[0]) if row else 0

    def journal(self, since: Marks) -> dict[str, list[Fact]]:
        """Every order's facts written after `since`."""
        found: dict[str, list[Fact]] = {}
        for order, version, kind, at in self._db.execute(JOURNAL, [since.get(JOURNAL_TABLE, 0)]):
            found.setdefault(order, []).append(Fact(version, kind, at))
        return found

    def close(self) -> None:
        """Close the connection."""
        self._db.close()


def captures(provider_log: Path) -> Counter[str]:
    """Successful charges by order, as the provider's own log says."""
    return Counter(line["order_id"] for line in _lines(provider_log) if line["type"] == CAPTURED)


def _lines(log: Path) -> Iterator[dict[str, Any]]:
    with log.open("rb") as file:
        for raw in file:
            if raw.endswith(b"\n"):
                yield json.loads(raw)


def written(before: Marks, after: Marks) -> int:
    """Rows that went through change data capture between two marks."""
    return sum(last - before.get(table, 0) for table, last in after.items())
