"""Connections to Postgres: small pools, and transactions in pipeline mode.

In pipeline mode a statement is sent when it is executed and answered when something is fetched from its cursor, so
statements that do not need each other's answers share one round trip, and the last ones share the commit's.
`rowcount` is -1 before a fetch: use RETURNING and fetch.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import psycopg
from psycopg import AsyncConnection, Connection
from psycopg_pool import AsyncConnectionPool, ConnectionPool, PoolTimeout

from chassis.errors import Transient

Transaction = Connection[tuple[Any, ...]]
AsyncTransaction = AsyncConnection[tuple[Any, ...]]

POOL_WAIT_SECONDS = 5.0  # then the database is in trouble, or the pool too small for its callers

# The database is away, or this transaction met another: the same transaction is right again later.
TROUBLE = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    psycopg.errors.SerializationFailure,
    psycopg.errors.DeadlockDetected,
    psycopg.errors.LockNotAvailable,
    psycopg.errors.QueryCanceled,
    psycopg.errors.IdleInTransactionSessionTimeout,
    psycopg.errors.TransactionTimeout,
    psycopg.errors.ReadOnlySqlTransaction,  # a primary that was demoted
    psycopg.errors.InsufficientResources,
    PoolTimeout,
)


def said(error: BaseException) -> str:
    """An error of Postgres or its client on one line, for people."""
    return " ".join(str(error).split())


class Database:
    """A pool of synchronous connections, made on first use. Thread-safe."""

    def __init__(self, url: str, name: str, size: int = 4) -> None:
        self._pool: ConnectionPool[Transaction] = ConnectionPool(url, kwargs=_kwargs(name), **_limits(size))

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """One transaction in pipeline mode: committed at the end of the block, rolled back when it raises.

        Database trouble (connection, lock, time-out, deadlock) is raised as Transient; other errors as they are.
        """
        # BEGIN and COMMIT are statements like the others: psycopg's own would each wait for a round trip of their own.
        try:
            self._pool.open()
            with self._pool.connection() as connection:
                with connection.pipeline():
                    connection.execute("BEGIN")
                    yield connection
                    end = connection.execute("COMMIT")
                if end.statusmessage != "COMMIT":
                    raise psycopg.InternalError(f"the transaction ended by {end.statusmessage}")
        except psycopg.errors.ProgramLimitExceeded:
            raise  # an OperationalError by class, but its cause is the data
        except TROUBLE as error:
            raise Transient(f"database: {type(error).__name__}: {error}") from error

    def close(self) -> None:
        """Close every connection; idempotent."""
        self._pool.close()


class AsyncDatabase:
    """A pool of asynchronous connections for a process that lives on an event loop: one statement, one transaction."""

    def __init__(self, url: str, name: str, size: int = 4) -> None:
        self._pool: AsyncConnectionPool[AsyncTransaction] = AsyncConnectionPool(
            url, kwargs=_kwargs(name), **_limits(size)
        )

    async def open(self) -> None:
        """Start the pool; does not wait for the database."""
        await self._pool.open()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncTransaction]:
        """A connection in autocommit: each statement is a transaction, none stays open between two."""
        try:
            async with self._pool.connection() as connection:
                yield connection
        except TROUBLE as error:
            raise Transient(f"database: {type(error).__name__}: {error}") from error

    async def close(self) -> None:
        """Close every connection; idempotent."""
        await self._pool.close()


# A peer that vanished without a word is noticed after about 11 s, not after the kernel's two hours.
KEEPALIVE = {"keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3, "tcp_user_timeout": 15_000}


def _kwargs(name: str) -> dict[str, Any]:
    return {"application_name": name, "connect_timeout": 5, "autocommit": True, **KEEPALIVE}


def _limits(size: int) -> dict[str, Any]:
    return {"min_size": 1, "max_size": size, "timeout": POOL_WAIT_SECONDS, "open": False}
