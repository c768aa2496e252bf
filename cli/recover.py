"""`demae recover`: lets api take back from the log what its tables have forgotten, after Postgres was restored."""

import getpass
import math
import time
from typing import Annotated, Any, LiteralString

import psycopg
import typer
from rich.console import Console

from cli.errors import CommandError
from runtime import reach
from runtime.errors import Refusal

ASK = "INSERT INTO api.recovery (who) VALUES (%s) RETURNING asked"
WITHDRAW = """
UPDATE api.recovery SET ended = now(), refused = 'withdrawn' WHERE asked = %s AND began IS NULL AND ended IS NULL
RETURNING asked
"""
BEGUN = "SELECT 1 FROM api.recovery WHERE asked = %s AND (began IS NOT NULL OR ended IS NOT NULL)"
ANSWER = "SELECT versions, refused FROM api.recovery WHERE asked = %s AND ended IS NOT NULL"
LOOK_SECONDS = 0.5
NOBODY = (
    "Nothing is taken back: api-projector has not taken it up within {:.0f} s. It does so only while it waits at its "
    "start, on tables that have forgotten something: `./demae doctor` shows whether it waits."
)
console = Console(highlight=False, soft_wrap=True)


def recover(
    patience: Annotated[float, typer.Option(min=1, help="Seconds until api-projector must have taken it up.")] = 10.0,
) -> None:
    """Take back from the log the orders that a restored Postgres has forgotten. api waits for this word, and says so.

    docs/operations.md tells what to look at before. On tables that have forgotten nothing nobody waits for it: it says
    so, and changes nothing.
    """
    try:
        with reach.database("api") as url, psycopg.connect(url, autocommit=True, connect_timeout=5) as db:
            told(db, patience)
    except Refusal as refused:
        raise CommandError(str(refused)) from refused
    except psycopg.Error as error:
        raise CommandError(f"The database: {' '.join(str(error).split())}") from error


def told(db: psycopg.Connection, patience: float) -> None:
    """Asks, waits for the answer, and prints it; a word that nobody took up is withdrawn. Raises CommandError."""
    asked = db.execute(ASK, [getpass.getuser()]).fetchone()
    try:
        _wait(db, BEGUN, asked, patience)
    finally:
        withdrawn = db.execute(WITHDRAW, asked).fetchone()
    if withdrawn:
        raise CommandError(NOBODY.format(patience))
    versions, refused = _wait(db, ANSWER, asked)
    if refused:
        raise CommandError(f"Given up: {refused}. What was taken back before it is in the tables.")
    console.print(f"{versions} versions of orders are taken back from the log. `./demae rebuild` compares them all.")


def _wait(db: psycopg.Connection, question: LiteralString, asked: Any, seconds: float = math.inf) -> tuple[Any, ...]:
    """The row, once it is there; () when it is not in time."""
    end = time.monotonic() + seconds
    while (row := db.execute(question, asked).fetchone()) is None and time.monotonic() < end:
        time.sleep(LOOK_SECONDS)
    return row or ()
