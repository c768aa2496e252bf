"""The commands and their words of help. Each one is a thin shell around a module that does the work."""

import asyncio
import importlib.util
import os
import secrets
import sys
from collections.abc import Awaitable, Callable, Coroutine
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from cli import doctor, processes, purchase, render, story
from cli.configuration import configuration
from cli.errors import CommandError
from cli.runtime import here
from cli.session import ALL, explain, page_of, speak_as, support
from cli.tokens import HOURS, Role, mint
from demae_client import Client, DemaeError, Order

HELP = """
demae: order food, and watch the events that carry the order.

**A first walk**

1. `demae menu` shows who cooks what.

2. `demae place trattoria-lucia margherita:2 --watch` orders, and prints every version of the order as it is pushed.

3. `demae pick-up ORDER`, then `demae deliver ORDER`: be the courier that was assigned.

4. `demae timeline ORDER` tells the story afterwards.

**Break it**: `demae stop payment`, place an order, watch it wait, `demae start payment`: it goes on. `demae kill connect` is harder.

**When something is wrong**: `demae doctor`.
"""  # noqa: E501 - one line is one paragraph of the rendered help

app = typer.Typer(
    help=HELP,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    add_completion=False,
    pretty_exceptions_enable=False,
)
console = Console(highlight=False, soft_wrap=True)
HINT_SECONDS = 3.0  # an order that stands still for so long makes people wonder

Mutation = Callable[[Client, str], Awaitable[Order]]
PLAY, TALK, RUN = "Order", "Look", "Run"
OrderId = Annotated[str, typer.Argument(metavar="ORDER", help="The order's id.")]
Customer = Annotated[str, typer.Option("--as", help="The customer who orders.")]
Process = Annotated[str, typer.Argument(metavar="PROCESS", help="Its name, as in `demae doctor`.")]


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run a command's coroutine to its end."""
    try:
        asyncio.run(work)
    except DemaeError as error:
        raise CommandError(explain(error)) from error


@app.command(rich_help_panel=PLAY)
def menu() -> None:
    """Show the restaurants, their dishes and the prices."""

    async def show() -> None:
        async with support() as client:
            console.print(render.menus(await client.restaurants(first=ALL)))

    run(show())


@app.command(rich_help_panel=PLAY)
def place(
    restaurant: Annotated[str, typer.Argument(help="The restaurant's id, from `demae menu`.")],
    items: Annotated[list[str] | None, typer.Argument(help="ITEM or ITEM:QUANTITY; none: the first dish.")] = None,
    card: Annotated[str, typer.Option(help="Payment method: pm_card_visa pays, pm_card_chargeDeclined does not.")] = (
        "pm_card_visa"
    ),
    watch: Annotated[bool, typer.Option("--watch", help="Follow the order until it is settled.")] = False,
    customer: Customer = "you",
    key: Annotated[str | None, typer.Option(help="Idempotency key: the same key is the same order.")] = None,
) -> None:
    """Place an order.

    Example: `demae place trattoria-lucia margherita:2 --watch`
    """

    async def order() -> None:
        async with speak_as(customer, Role.CUSTOMER) as client:
            lines = purchase.lines(items or []) or purchase.first_dish(await client.restaurants(first=ALL), restaurant)
            placed = await client.place_order(restaurant, lines, card, idempotency_key=key)
            console.print(f"Order [bold]{placed['id']}[/], {render.money(placed['total'])}, is {placed['status']}.")
            if watch:
                await follow(client, placed["id"], 0)

    run(order())


async def follow(client: Client, order_id: str, after: int) -> None:
    """Print every version as it comes, and what it waits for when that lasts, until the order is settled."""
    hint: asyncio.TimerHandle | None = None
    async for order in client.watch(order_id, after):
        if hint is not None:
            hint.cancel()
        for line in render.history(order, after):
            console.print(line)
        after = order["version"]
        if awaited := render.awaits(order):
            hint = asyncio.get_running_loop().call_later(HINT_SECONDS, console.print, f"   … {awaited}", "dim")
    if hint is not None:
        hint.cancel()


@app.command(rich_help_panel=TALK)
def watch(
    order: OrderId,
    after: Annotated[int, typer.Option(help="The last version already seen; 0 begins with the first.")] = 0,
) -> None:
    """Follow one order live: every version once, in order, across reconnects, until it is settled."""

    async def show() -> None:
        async with support() as client:
            await follow(client, order, after)

    run(show())


@app.command(rich_help_panel=TALK)
def page(order: OrderId) -> None:
    """Print the address of the order's own page: it shows the order live, in a browser, for an hour."""

    async def show() -> None:
        async with support() as client:
            print(page_of(configuration(), await find(client, order)))

    run(show())


@app.command(rich_help_panel=TALK)
def timeline(order: OrderId) -> None:
    """Tell what happened to one order so far."""

    async def show() -> None:
        async with support() as client:
            found = await find(client, order)
            console.print(f"Order [bold]{found['id']}[/] of {found['customerId']}: {found['status']}")
            for line in render.history(found):
                console.print(line)

    run(show())


@app.command(rich_help_panel=TALK)
def orders(
    subject: Annotated[str | None, typer.Option("--as", help="Whose orders; none: everybody's.")] = None,
    role: Annotated[Role, typer.Option(help="The role of that person.")] = Role.CUSTOMER,
    open_only: Annotated[bool, typer.Option("--open", help="Leave out delivered and cancelled ones.")] = False,
    first: Annotated[int, typer.Option(min=1, max=100, help="At most so many, newest first.")] = 20,
) -> None:
    """List the newest orders: all of them, or one person's with --as and --role."""

    async def show() -> None:
        async with speak_as(subject, role) if subject else support() as client:
            console.print(render.orders(await client.orders(first=first, only_open=open_only or None)))

    run(show())


async def find(client: Client, order_id: str) -> Order:
    """The order, or CommandError when there is none."""
    found = await client.order(order_id)
    if found is None:
        raise CommandError(f"There is no order {order_id}: `./demae orders` lists the newest.")
    return found


async def act(mutation: Mutation, order_id: str, role: Role, subject: str | None) -> None:
    """Send a mutation as the order's own participant, or as `subject`."""
    if subject is None:
        async with support() as client:
            subject = participant(await find(client, order_id), role)
    async with speak_as(subject, role) as client:
        changed = await mutation(client, order_id)
        console.print(f"{subject}: order {order_id} is {changed['status']} (version {changed['version']}).")


def participant(order: Order, role: Role) -> str:
    """Who has this role in the order; CommandError when nobody has it yet."""
    people = {Role.CUSTOMER: order["customerId"], Role.RESTAURANT: order["restaurantId"]}
    found = people.get(role, order["courierId"])
    if found is None:
        raise CommandError(f"Order {order['id']} is {order['status']}: it has no {role} yet.")
    return found


Other = Annotated[str | None, typer.Option("--as", help="Act as somebody else (and be refused).")]


@app.command(rich_help_panel=PLAY)
def cancel(order: OrderId, other: Other = None) -> None:
    """Be the customer: cancel, until the courier has picked the order up."""
    run(act(Client.cancel, order, Role.CUSTOMER, other))


@app.command(rich_help_panel=PLAY)
def ready(order: OrderId, other: Other = None) -> None:
    """Be the kitchen: the dish is ready."""
    run(act(Client.mark_ready, order, Role.RESTAURANT, other))


@app.command("pick-up", rich_help_panel=PLAY)
def pick_up(order: OrderId, other: Other = None) -> None:
    """Be the assigned courier: the order is in my hands."""
    run(act(Client.pick_up, order, Role.COURIER, other))


@app.command(rich_help_panel=PLAY)
def deliver(order: OrderId, other: Other = None) -> None:
    """Be the courier: the order is with the customer."""
    run(act(Client.deliver, order, Role.COURIER, other))


@app.command(rich_help_panel=RUN)
def token(
    role: Annotated[Role, typer.Argument(help="What the token says its owner is.")],
    subject: Annotated[str, typer.Argument(help="Who: a customer's name, a restaurant's id, c-01 …")],
    hours: Annotated[float, typer.Option(min=0.01, help="How long it is good for.")] = HOURS,
) -> None:
    """Print a development token, for GraphiQL or curl.

    Example: `curl -H "Authorization: Bearer $(./demae token customer you)" …`
    """
    print(mint(subject, role, configuration().jwt_secret, hours))


@app.command(rich_help_panel=RUN)
def kill(process: Process) -> None:
    """Kill one process with signal 9. Its supervisor starts it again."""
    console.print(processes.kill(here(), process))


@app.command(rich_help_panel=RUN)
def stop(process: Process) -> None:
    """Stop one process, and leave it so."""
    console.print(processes.stop(here(), process))


@app.command(rich_help_panel=RUN)
def start(process: Process) -> None:
    """Start one process that is stopped."""
    console.print(processes.start(here(), process))


@app.command(rich_help_panel=PLAY, add_help_option=False, context_settings={"ignore_unknown_options": True})
def actors(options: Annotated[list[str] | None, typer.Argument(help="See --help.")] = None) -> None:
    """Let customers, kitchens and couriers play a town, until a number of orders has ended.

    Example: `demae actors --orders 1000 --rate 20`
    """
    if importlib.util.find_spec("actors") is None:
        raise CommandError("There are no actors here: demo/actors is gone.")
    configuration()
    os.execv(sys.executable, [sys.executable, "-m", "actors", *(options or [])])  # noqa: S606 - our own program


@app.command("doctor", rich_help_panel=RUN)
def examine() -> None:
    """Say what is missing or not well: prerequisites, ports, every process, the log's clock, lag, parked orders."""
    if not doctor.report(here(), console):
        raise typer.Exit(1)


@app.command("first-order", rich_help_panel=RUN)
def first_order(
    couriers: Annotated[int, typer.Option(min=1, max=99, help="How many of the seeded couriers to put on shift.")] = 5,
    restaurant: Annotated[str | None, typer.Option(help="Where to order; default: a seeded one.")] = None,
    card: Annotated[str, typer.Option(help="Payment method.")] = "pm_card_visa",
    deadline: Annotated[float, typer.Option(min=1, help="Give up after so many seconds.")] = 30.0,
) -> None:
    """Play one order from placed to delivered and print it live: the last step of `make up`."""
    names = [f"c-{number:02}" for number in range(1, couriers + 1)]
    plan = story.Plan(names, card, deadline, restaurant, own=f"first-{secrets.token_hex(4)}", patience=10.0)
    run(story.tell(plan, speak_as, console))


def main() -> None:
    """The entry point: what a command cannot do is one sentence on standard error and an exit code."""
    try:
        app(prog_name="demae")
    except CommandError as problem:
        Console(stderr=True, highlight=False, soft_wrap=True).print(Text(str(problem), "red"))
        sys.exit(problem.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
