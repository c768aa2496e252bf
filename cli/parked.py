"""`demae parked`: the events that could not be handled, and what a person decides about them.

The tables are the services' own. What is marked here is done by the owner of the event's partition within a second: a
released event is handled, with those behind it, in order and before what comes later; a discarded one is kept aside for
ever, with who and why.
"""

from __future__ import annotations

import getpass
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import groupby
from typing import Annotated

import psycopg
import typer
from rich.console import Console

from cli import parked_render as render
from cli import parked_rows as rows
from cli.errors import CommandError
from cli.parked_rows import Connection, Parked
from runtime import reach
from runtime.errors import Refusal

HELP = """
The events that could not be handled: look at them, release them, discard them.

Only the order of such an event waits, its later events behind it. Nothing is lost meanwhile, and no other order waits.
"""

app = typer.Typer(help=HELP, no_args_is_help=True, rich_markup_mode="markdown")
console = Console(highlight=False, soft_wrap=True)

Key = Annotated[
    str,
    typer.Argument(
        metavar="KEY", help='As in `list`: the order\'s id, "" for records without a key, or the place of one event.'
    ),
]
Keys = Annotated[
    str | None, typer.Argument(metavar="[KEY]", help="As in `list`: the order's id, or the place of one event.")
]
Of = Annotated[str | None, typer.Option("--consumer", help="Only of this consumer; none: of all that parked it.")]
All = Annotated[bool, typer.Option("--all", help="Every event that waits for a decision.")]


@app.command("list")
def show_all(
    consumer: Of = None,
    discarded: Annotated[bool, typer.Option("--discarded", help="What was discarded before, by whom and why.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="With --discarded: the last ones of each service.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="For programs: a list of objects.")] = False,
) -> None:
    """Show what waits for a decision: consumer by consumer, oldest first, with how many events wait behind."""
    with database("verify") as db:
        found = of(rows.discarded(db, limit) if discarded else rows.waiting(db), consumer)
        stopped = [one for one in rows.stopped(db) if consumer in (None, one.consumer)]
    if as_json:
        print(json.dumps([render.plain(one) for one in found], indent=1))
    elif discarded:
        console.print(render.history(found, now()))
    else:
        for line in render.report(found, stopped, now()):
            console.print(line)


@app.command()
def show(key: Key, consumer: Of = None) -> None:
    """Show one event whole: where, why, headers, body, and what waits behind it."""
    with database("verify") as db:
        found = of(rows.waiting(db), consumer, key)
        if not found:
            raise CommandError(unknown(key))
        for one in found:
            for line in render.event(one, rows.body(db, one), rows.behind(db, one), now()):
                console.print(line)


@app.command()
def release(key: Keys = None, everything: All = False, consumer: Of = None) -> None:
    """Let an event be tried again: its cause is repaired. Those behind it follow, before live events.

    What fails again waits again, with one more try. To release twice does no harm.
    """
    for one in decide(chosen(key, everything), consumer, "released", None):
        print(f"{one.consumer}: {named(one)} is released; {one.behind} behind it.")


@app.command()
def discard(
    reason: Annotated[str, typer.Option("--reason", help="Why; kept with your name and the event.")],
    key: Keys = None,
    everything: All = False,
    consumer: Of = None,
) -> None:
    """Give an event up for good: it can never be handled. Those behind it go on without it. The decision is kept."""
    if not reason.strip():
        raise CommandError("A discard needs a reason: --reason 'what a colleague must know'.")
    for one in decide(chosen(key, everything), consumer, "discarded", reason):
        print(f"{one.consumer}: {named(one)} is discarded, and kept (`list --discarded`); {one.behind} behind it.")


@app.command()
def resume(consumer: Annotated[str, typer.Argument(metavar="CONSUMER", help="As in `list`.")]) -> None:
    """Let a consumer go on that stands still, when the fault is the data: it parks what it must, for a minute uncapped.

    When the fault is the program's: repair it and start it anew instead.
    """
    with database("verify") as db:
        standing = [one for one in rows.stopped(db) if one.consumer == consumer]
    if not standing:
        raise CommandError(f"{consumer} does not stand still: `./demae parked list` shows who does.")
    for one in standing:
        with database(one.schema) as db:
            rows.resume(db, one, person())
        print(f"{one.consumer} goes on within a second.")


def decide(key: str | None, consumer: str | None, state: str, why: str | None) -> Iterator[Parked]:
    """Mark heads, each with its own service's rights; those marked come as they are committed. Says who was first."""
    with database("verify") as db:
        found = of(rows.waiting(db), consumer, key)
    if not found:
        raise CommandError(unknown(key))
    for one in found:
        if one.state != "head":
            ago = render.age(one.decided, now()) if one.decided else "?"
            print(f"{one.consumer}: {named(one)} is {one.state} already, by {one.who}, {ago} ago.")
    heads = sorted((one for one in found if one.state == "head"), key=lambda one: one.schema)
    for schema, group in groupby(heads, key=lambda one: one.schema):
        asked = list(group)
        with database(schema) as db:
            done = rows.decide(db, asked, state, person(), why)
        yield from done
        for one in asked:
            if one not in done:
                print(f"{one.consumer}: {named(one)} was decided on by somebody else at the same moment.")


def of(found: Iterable[Parked], consumer: str | None, key: str | None = None) -> list[Parked]:
    """Those of this consumer and key, or at this place; None: of any."""
    return [
        one
        for one in found
        if consumer in (None, one.consumer) and key in (None, one.key, render.clean(one.key), one.place)
    ]


def chosen(key: str | None, everything: bool) -> str | None:
    """The key, or None for all; CommandError when neither or both were said."""
    if (key is None) is not everything:
        raise CommandError("Say which: a KEY as `./demae parked list` shows it, or --all.")
    return key


def unknown(key: str | None) -> str:
    """Nothing to decide on."""
    what = {None: "Nothing", "": "No record without a key"}.get(key, f"Nothing of {key}")
    return f"{what} is parked (any more): `./demae parked list` shows what is."


def named(one: Parked) -> str:
    """An event in a sentence."""
    return f"{render.kind(one)} of {render.key(one)} ({one.place})"


def person() -> str:
    """Who decides."""
    return getpass.getuser()


def now() -> datetime:
    """For ages."""
    return datetime.now(UTC)


@contextmanager
def database(role: str) -> Iterator[Connection]:
    """A connection with the rights of `role`; CommandError when there is none to be had."""
    try:
        with reach.database(role) as url, psycopg.connect(url, autocommit=True, connect_timeout=5) as db:
            yield db
    except Refusal as refused:
        raise CommandError(str(refused)) from refused
    except psycopg.Error as error:
        raise CommandError(f"The database: {' '.join(str(error).split())}") from error
