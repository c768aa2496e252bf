"""A rebuilt read model that is kept: a table in a schema of its own, which no service reads and nothing publishes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql

from replay.errors import CannotLookError
from replay.journal import Stored

SCHEMA = "rebuilt"
MAKE = """
CREATE UNLOGGED TABLE {} (id uuid NOT NULL, version int NOT NULL, since int NOT NULL, open boolean NOT NULL,
  customer_id text NOT NULL, restaurant_id text NOT NULL, courier_id text, document text NOT NULL)
"""

Keep = Callable[[Stored], None]


@contextmanager
def table(url: str, name: str) -> Iterator[Keep]:
    """The new table `rebuilt.NAME`, filled as rows are kept; there once the block has ended well, else nothing is.

    Needs a role that may create. Raises CannotLookError, also when there is such a table.
    """
    whole = sql.Identifier(SCHEMA, name)
    try:
        with psycopg.connect(url, application_name="replay", connect_timeout=5) as db:
            db.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(SCHEMA)))
            db.execute(sql.SQL(MAKE).format(whole))
            with db.cursor().copy(sql.SQL("COPY {} FROM STDIN").format(whole)) as copy:
                yield copy.write_row
            db.execute(sql.SQL("ALTER TABLE {} ADD PRIMARY KEY (id)").format(whole))
    except psycopg.Error as error:
        raise CannotLookError(f"The rows cannot be kept: {' '.join(str(error).split())}") from error


def nowhere(_row: Stored) -> None:
    """Keeps nothing."""
