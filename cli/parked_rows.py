"""Parked events in the tables of the services: asked with the rights of `verify`, decided on with those of the service.

All SQL of `demae parked`. Every function raises psycopg.Error when the database does not answer.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import class_row, dict_row

Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class Parked:
    """One event set aside, or discarded for good. `state`: head, behind, released, discarded. `behind`: how many wait.

    `headers` are as they were read, values in base64; `since` is when it was parked.
    """

    schema: str
    consumer: str
    topic: str
    partition: int
    offset: int
    key: str
    headers: Sequence[tuple[str, str | None]]
    error: str
    state: str
    attempts: int
    since: datetime
    who: str | None
    why: str | None
    decided: datetime | None
    behind: int = 0

    @property
    def type(self) -> str:
        """What it says it is; empty when it says nothing."""
        return header(self, "ce_type")

    @property
    def place(self) -> str:
        """Where it stands in the log."""
        return f"{self.topic} {self.partition}/{self.offset}"


@dataclass(frozen=True)
class Stopped:
    """A consumer that stands still, and why."""

    schema: str
    consumer: str
    reason: str
    since: datetime


# Also of a database in which only some schemas may be seen.
SCHEMAS = """
SELECT n.nspname AS schema FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relname = 'stopped' AND c.relkind = 'r'
  AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')
ORDER BY 1
"""

WAITING = """
SELECT {name} AS schema, consumer, topic, partition, "offset", key, raw -> 'headers' AS headers, error, state, attempts,
  at AS since, who, why, decided, CASE WHEN key <> '' THEN (
    SELECT count(*) FROM {schema}.parked b WHERE (b.consumer, b.topic, b.partition, b.key, b.state)
      = (p.consumer, p.topic, p.partition, p.key, 'behind')) ELSE 0 END AS behind
FROM {schema}.parked p WHERE state <> 'behind' ORDER BY at, "offset"
"""

BEHIND = """
SELECT {name} AS schema, consumer, topic, partition, "offset", key, raw -> 'headers' AS headers, error, state, attempts,
  at AS since, who, why, decided
FROM {schema}.parked WHERE state = 'behind' AND consumer = %s AND topic = %s AND partition = %s AND key = %s
ORDER BY "offset" LIMIT 100
"""

DISCARDED = """
SELECT {name} AS schema, consumer, topic, partition, "offset", key, raw -> 'headers' AS headers, error,
  'discarded' AS state, attempts, at AS since, who, why, decided
FROM {schema}.discarded ORDER BY decided DESC, number DESC LIMIT %s
"""

BODY = """
SELECT raw ->> 'value' FROM {schema}.parked WHERE consumer = %s AND topic = %s AND partition = %s AND "offset" = %s
"""

# Only who stands still now: a process that is no more cannot be told.
STOPPED = """
SELECT {name} AS schema, consumer, reason, since FROM {schema}.stopped
WHERE seen > now() - interval '10 seconds' AND coalesce(resumed < seen, true)
"""

DECIDE = """
UPDATE {schema}.parked SET state = %s, who = %s, why = %s, decided = now()
WHERE consumer = %s AND topic = %s AND partition = %s AND "offset" = %s AND state = 'head' RETURNING 1
"""

RESUME = "UPDATE {schema}.stopped SET resumed = now(), who = %s WHERE consumer = %s RETURNING 1"


def waiting(db: Connection) -> list[Parked]:
    """Every head, and what is decided on and not yet taken up; oldest first, consumer by consumer."""
    return [one for schema in schemas(db) for one in _parked(db, WAITING, schema)]


def behind(db: Connection, head: Parked) -> list[Parked]:
    """The events that wait behind this one, in order; the first hundred."""
    where = [head.consumer, head.topic, head.partition, head.key]
    return list(_parked(db, BEHIND, head.schema, where)) if head.key else []


def discarded(db: Connection, limit: int) -> list[Parked]:
    """What was discarded and is kept, the last decisions of each service."""
    return [one for schema in schemas(db) for one in _parked(db, DISCARDED, schema, [limit])]


def body(db: Connection, one: Parked) -> bytes | None:
    """The record's value."""
    row = db.execute(_of(BODY, one.schema), [one.consumer, one.topic, one.partition, one.offset]).fetchone()
    return base64.b64decode(row[0]) if row and row[0] is not None else None


def stopped(db: Connection) -> list[Stopped]:
    """The consumers that stand still now."""
    found = []
    for schema in schemas(db):
        with db.cursor(row_factory=class_row(Stopped)) as cursor:
            found += cursor.execute(_of(STOPPED, schema)).fetchall()
    return found


def decide(db: Connection, heads: Iterable[Parked], state: str, who: str, why: str | None) -> list[Parked]:
    """Mark heads of one schema, with the rights of its service; -> those that were heads until now."""
    with db.transaction():
        return [
            head
            for head in heads
            if db.execute(
                _of(DECIDE, head.schema),
                [state, who, why, head.consumer, head.topic, head.partition, head.offset],
            ).fetchone()
        ]


def resume(db: Connection, one: Stopped, who: str) -> None:
    """Let a consumer go on, with the rights of its service."""
    with db.transaction():
        db.execute(_of(RESUME, one.schema), [who, one.consumer])


def schemas(db: Connection) -> list[str]:
    """The services that keep such tables."""
    return [str(row[0]) for row in db.execute(SCHEMAS).fetchall()]


def header(one: Parked, name: str) -> str:
    """A header's value as text; empty when there is none."""
    value = dict(one.headers).get(name)
    return base64.b64decode(value).decode("utf-8", "replace") if value else ""


def _parked(db: Connection, statement: str, schema: str, values: Sequence[object] = ()) -> Iterator[Parked]:
    with db.cursor(row_factory=dict_row) as cursor:
        for row in cursor.execute(_of(statement, schema), values).fetchall():
            yield Parked(**{**row, "headers": [(name, value) for name, value in row["headers"]]})


def _of(statement: str, schema: str) -> sql.Composed:
    return sql.SQL(statement).format(name=sql.Literal(schema), schema=sql.Identifier(schema))
