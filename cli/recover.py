"""`demae recover`: lets api take back from the log what its tables have forgotten, after Postgres was restored."""

import getpass
import time
from typing import Annotated, Any

import psycopg
import typer
from rich.console import Console

from cli.errors import CommandError
from runtime import reach
from runtime.errors import Refusal

ASK = "INSERT INTO api.recovery (who) VALUES (%s) RETURNING asked"
WITHDRAW = "UPDATE api.recovery SET ended = now(), refused = 'withdrawn' WHERE asked = %s AND ended IS NULL"
ANSWER = "SELECT versions, refused FROM api.recovery WHERE asked = %s AND ended IS NOT NULL"
LOOK_SECONDS = 0.5
console = Console(highlight=False, soft_wrap=True)


def recover(
    patience: Annotated[float, typer.Option(min=1, help="Seconds to wait for its end.")] = 600.0,
) -> None:
    """Take back from the log the orders that a restored Postgres has forgotten. api waits for this word, and says so.

    docs/operations.md tells what to look at before. On tables that have forgotten nothing it does nothing.
    """
    try:
        with reach.database("api") as url, psycopg.connect(url, autocommit=True, connect_timeout=5) as db:
            told(db, patience)
    except Refusal as refused:
        raise CommandError(str(refused)) from refused
    except psycopg.Error as error:
        raise CommandError(f"The database: {' '.join(str(error).split())}") from error


def told(db: psycopg.Connection, patience: float) -> None:
    """Asks, waits for the answer, and prints it; a word that nobody followed is withdrawn. Raises CommandError."""
    asked = db.execute(ASK, [getpass.getuser()]).fetchone()
    try:
        versions, refused = answered(db, asked, patience)
    finally:
        db.execute(WITHDRAW, asked)
    if refused:
        raise CommandError(f"Given up: {refused}. What was taken back before it is in the tables.")
    console.print(f"{versions} versions of orders are taken back from the log. `./demae rebuild` compares them all.")


def answered(db: psycopg.Connection, asked: Any, patience: float) -> tuple[int | None, str | None]:
    """Versions taken back, or why not. Raises CommandError when nobody answers."""
    end = time.monotonic() + patience
    while (answer := db.execute(ANSWER, asked).fetchone()) is None:
        if time.monotonic() > end:
            raise CommandError(
                "api-projector has not answered. It takes back what is missing while it waits at its start, and only "
                "then: `./demae doctor` shows whether it does."
            )
        time.sleep(LOOK_SECONDS)
    return answer[0], answer[1]
