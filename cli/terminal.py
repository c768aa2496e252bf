"""What the commands share: the terminal, a coroutine's run, an order that is followed or found."""

import asyncio
from collections.abc import Coroutine
from typing import Annotated, Any

import typer
from rich.console import Console

from cli import render
from cli.errors import CommandError
from cli.session import explain
from demae_client import Client, DemaeError, Order

console = Console(highlight=False, soft_wrap=True)
HINT_SECONDS = 3.0  # an order that stands still for so long makes people wonder
PLAY, TALK, RUN = "Order", "Look", "Run"  # the panels of the help page
OrderId = Annotated[str, typer.Argument(metavar="ORDER", help="The order's id.")]


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run a command's coroutine to its end."""
    try:
        asyncio.run(work)
    except DemaeError as error:
        raise CommandError(explain(error)) from error


async def follow(client: Client, order_id: str, after: int) -> None:
    """Print every version as it comes, what went wrong and what can be done about it, and what it waits for when that
    lasts, until the order is settled."""
    hint: asyncio.TimerHandle | None = None
    async for order in client.watch(order_id, after):
        if hint is not None:
            hint.cancel()
        tell(order, after)
        after = order["version"]
        if awaited := render.awaits(order):
            hint = asyncio.get_running_loop().call_later(HINT_SECONDS, console.print, f"   … {awaited}", "dim")
    if hint is not None:
        hint.cancel()


def tell(order: Order, after: int = 0) -> None:
    """Print what happened later than version `after`, and the trouble that the order is in."""
    for line in (*render.history(order, after), *render.trouble(order)):
        console.print(line)


async def find(client: Client, order_id: str) -> Order:
    """The order, or CommandError when there is none."""
    found = await client.order(order_id)
    if found is None:
        raise CommandError(f"There is no order {order_id}: `./demae orders` lists the newest.")
    return found
