"""All of notifier's SQL: reads of `api.journal_feed`, the one view of another service that it is granted.

Always on the primary: a replica may lag behind what the topic has already said.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from chassis.database import AsyncDatabase
from chassis.telemetry import log
from notifier.versions import Unreadable, Version, read

VIEW = "api.journal_feed"

# Every version of these orders, oldest first.
JOURNAL = """
SELECT order_id::text, type, at, payload
  FROM api.journal_feed
 WHERE order_id = ANY (%s::uuid[])
 ORDER BY order_id, version
"""

# The newest version of each of these orders.
HEADS = """
SELECT order_id::text, max(version)
  FROM api.journal_feed
 WHERE order_id = ANY (%s::uuid[])
 GROUP BY order_id
"""

READERS = 2  # statements at a time; the pool keeps connections for the sweep
ORDERS_A_READ = 64  # what queued up meanwhile goes into one statement: a herd of reconnects costs few round trips


class Journal:
    """The journal as subscribers need it. Belongs to one event loop."""

    def __init__(self, database: AsyncDatabase) -> None:
        self._database = database
        self._waiting: dict[str, asyncio.Future[list[Version]]] = {}
        self._readers: set[asyncio.Task[None]] = set()

    async def read(self, order_id: str) -> list[Version]:
        """The order's versions 1 … n as committed after this call began; [] for an unknown order.

        Raises Transient (ask again), Unreadable (a document breaks the contract), or what else the database says.
        """
        future = self._waiting.get(order_id)  # still waiting for its statement, so it begins after this call too
        if future is None:
            future = self._waiting[order_id] = asyncio.get_running_loop().create_future()
        if len(self._readers) < READERS:
            reader = asyncio.create_task(self._drain())
            self._readers.add(reader)
            reader.add_done_callback(self._readers.discard)
        return await asyncio.shield(future)

    async def heads(self, order_ids: Sequence[str]) -> dict[str, int]:
        """Newest version by order. Raises Transient."""
        async with self._database.connection() as connection:
            cursor = await connection.execute(HEADS, [_uuids(order_ids)])
            rows = await cursor.fetchall()
        return {row[0]: row[1] for row in rows}

    async def _drain(self) -> None:
        while self._waiting:
            ids = list(self._waiting)[:ORDERS_A_READ]
            futures = {order_id: self._waiting.pop(order_id) for order_id in ids}
            try:
                async with self._database.connection() as connection:
                    cursor = await connection.execute(JOURNAL, [_uuids(ids)])
                    rows = await cursor.fetchall()
            except Exception as fault:  # each waiting channel decides what it means
                log.warning("the journal cannot be read", event_key="journal.away", orders=len(ids), why=repr(fault))
                for future in futures.values():
                    _fail(future, fault)
            else:
                _answer(futures, rows)


def _answer(futures: dict[str, asyncio.Future[list[Version]]], rows: Sequence[tuple[Any, ...]]) -> None:
    versions: dict[str, list[Version]] = {order_id: [] for order_id in futures}
    for order_id, event, at, payload in rows:
        try:
            versions[order_id].append(read(payload, event, at))
        except Unreadable as fault:
            _fail(futures[order_id], fault)
    for order_id, future in futures.items():
        if not future.done():
            future.set_result(versions[order_id])


def _fail(future: asyncio.Future[list[Version]], fault: Exception) -> None:
    if not future.done():
        future.set_exception(fault)


def _uuids(order_ids: Sequence[str]) -> str:
    """An array literal: psycopg would dump a list element by element."""
    return "{" + ",".join(order_ids) + "}"
