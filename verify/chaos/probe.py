"""When does a part work again? Measured by what it does for orders, never by what it says of itself.

| part | works again when |
|---|---|
| payment, delivery, restaurant | it has handled an event, and stated a fact, both after the fault's end |
| api-projector | it has handled an event |
| api-http, edge | a mutation was answered that was sent after the fault's end |
| notifier | a version that was stated after the fault's end is in a client's hands |
| keeper | it has written a tick |
| provider | the outcome of a payment was stated |
| postgres, kafka, connect | as for the notifier, of payment, delivery and restaurant each: twice through the log |
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from chaos.town import Town

LOOK_SECONDS = 0.25
LIMIT_SECONDS = 120.0  # then it is said that the part did not recover
YOUNG = 3000  # rows that may have been written between two looks
# What each consumer states and api never does: `order_ready`, for one, may be said by a kitchen, without the log.
FACTS: Mapping[str, Sequence[str]] = {
    "payment": ("payment_completed", "payment_failed"),
    "delivery": ("delivery_assigned",),
    "restaurant": ("order_accepted",),
}

HANDLED: LiteralString = "SELECT extract(epoch FROM min(at))::float8 FROM {}.inbox WHERE at > to_timestamp(%(since)s)"
STATED: LiteralString = """
SELECT extract(epoch FROM min(at))::float8 FROM (SELECT at FROM {}.outbox ORDER BY seq DESC LIMIT %(young)s) AS young
WHERE at >= to_timestamp(%(since)s)
"""
VERSIONS = """
SELECT order_id::text, version FROM (
  SELECT order_id, version, type, at FROM api.journal ORDER BY seq DESC LIMIT %(young)s) AS young
WHERE at > to_timestamp(%(since)s) AND (type = ANY(%(types)s) OR %(types)s IS NULL)
"""

Seen = Callable[["Probe", float], Awaitable[float | None]]


class Probe:
    """Reads the tables as `verify`, and what the load has seen."""

    def __init__(self, database: str, town: Town) -> None:
        self._database = database
        self._town = town
        self._db: psycopg.AsyncConnection[Any] | None = None
        self._turn = asyncio.Lock()

    async def recovered(self, part: str, since: float) -> float | None:
        """The unix time from which on it worked again after `since`; None when it did not within LIMIT_SECONDS."""
        deadline = time.monotonic() + LIMIT_SECONDS
        while time.monotonic() < deadline:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                at = await SIGNS[part](self, since)
            except (psycopg.Error, TimeoutError):  # a frozen server says nothing at all
                await self.close()
            else:
                if at is not None:
                    return at
        return None

    async def handled(self, schema: str, since: float) -> float | None:
        """When the service first handled an event."""
        return await self._first(HANDLED, schema, since)

    async def stated(self, schema: str, since: float) -> float | None:
        """When it first stated a fact."""
        return await self._first(STATED, schema, since)

    async def pushed(self, since: float, types: Iterable[str] | None) -> float | None:
        """When a version of these facts, stated since, came first into a client's hands."""
        rows = await self._ask(VERSIONS.encode(), {"since": since, "types": list(types) if types else None})
        stated = set(rows)
        return next((at for at, order, version in list(self._town.pushes) if (order, version) in stated), None)

    def answered(self, since: float) -> float | None:
        """When a mutation sent since was first answered."""
        return next((at for sent, at in list(self._town.desk.answers) if sent > since), None)

    async def close(self) -> None:
        """The next question connects anew."""
        db, self._db = self._db, None
        if db is not None:
            await db.close()

    async def _first(self, query: LiteralString, schema: str, since: float) -> float | None:
        [[at]] = await self._ask(sql.SQL(query).format(sql.Identifier(schema)), {"since": since})
        return None if at is None else float(at)

    async def _ask(self, query: Any, values: Mapping[str, object]) -> list[tuple[Any, ...]]:
        async with self._turn:
            if self._db is None:
                self._db = await psycopg.AsyncConnection.connect(self._database, autocommit=True, connect_timeout=2)
            async with asyncio.timeout(5):
                cursor = await self._db.execute(query, {**values, "young": YOUNG})
                return await cursor.fetchall()


def _consumer(schema: str) -> Seen:
    async def seen(probe: Probe, since: float) -> float | None:
        handled = await probe.handled(schema, since)
        return None if handled is None else await probe.stated(schema, handled)

    return seen


async def _projector(probe: Probe, since: float) -> float | None:
    return await probe.handled("api", since)


async def _requests(probe: Probe, since: float) -> float | None:
    return probe.answered(since)


async def _pushes(probe: Probe, since: float) -> float | None:
    return await probe.pushed(since, None)


async def _clock(probe: Probe, since: float) -> float | None:
    return await probe.stated("keeper", since)


async def _provider(probe: Probe, since: float) -> float | None:
    return await probe.stated("payment", since)


async def _log(probe: Probe, since: float) -> float | None:
    last = since
    for types in FACTS.values():
        at = await probe.pushed(since, types)
        if at is None:
            return None
        last = max(last, at)
    return last


SIGNS: Mapping[str, Seen] = {
    "payment": _consumer("payment"),
    "delivery": _consumer("delivery"),
    "restaurant": _consumer("restaurant"),
    "api-projector": _projector,
    "api-http": _requests,
    "edge": _requests,
    "notifier": _pushes,
    "keeper": _clock,
    "provider": _provider,
    "postgres": _log,
    "kafka": _log,
    "connect": _log,
}
"""What is not here has nothing to recover."""
