"""The commands and their words of help. Each one is a thin shell around a module that does the work."""

import secrets
import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from cli import doctor, parked, play, processes, programs, recover, render, story
from cli.configuration import configuration
from cli.errors import CommandError
from cli.runtime import here
from cli.session import page_of, speak_as, support
from cli.terminal import RUN, TALK, OrderId, console, find, follow, run, tell
from cli.tokens import HOURS, Role, mint

HELP = """
demae: order food, and watch the events that carry the order.

**A first walk**

1. `demae menu` shows who cooks what.

2. `demae place trattoria-lucia margherita:2 --watch` orders, and prints every version of the order as it is pushed.

3. `demae pick-up ORDER`, then `demae deliver ORDER`: be the courier that was assigned.

4. `demae timeline ORDER` tells the story afterwards.

**Other ways**: place with `--card pm_card_chargeDeclined`, then `demae retry-payment ORDER`; be the kitchen that has run out with `demae out-of-stock ORDER`; let the courier go home with `demae shift end COURIER`.

**Break it**: `demae stop payment`, place an order, watch it wait, `demae start payment`: it goes on. `demae kill connect` is harder.

**When something is wrong**: `demae doctor`; `demae parked` for events that nobody could handle; `demae check` for a judgement of everything.
"""  # noqa: E501 - one line is one paragraph of the rendered help

app = typer.Typer(
    help=HELP,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    add_completion=False,
    pretty_exceptions_enable=False,
)
rest = typer.Typer()
app.add_typer(play.app)  # first on the help page
app.add_typer(programs.app)
app.add_typer(rest)
app.add_typer(parked.app, name="parked", rich_help_panel=RUN)
app.command(rich_help_panel=RUN)(recover.recover)
Process = Annotated[str, typer.Argument(metavar="PROCESS", help="Its name, as in `demae doctor`.")]


@rest.command(rich_help_panel=TALK)
def watch(
    order: OrderId,
    after: Annotated[int, typer.Option(help="The last version already seen; 0 begins with the first.")] = 0,
) -> None:
    """Follow one order live: every version once, in order, across reconnects, until it is settled."""

    async def show() -> None:
        async with support() as client:
            await follow(client, order, after)

    run(show())


@rest.command(rich_help_panel=TALK)
def page(order: OrderId) -> None:
    """Print the address of the order's own page: it shows the order live, in a browser, for an hour."""

    async def show() -> None:
        async with support() as client:
            print(page_of(configuration(), await find(client, order)))

    run(show())


@rest.command(rich_help_panel=TALK)
def timeline(order: OrderId) -> None:
    """Tell what happened to one order so far."""

    async def show() -> None:
        async with support() as client:
            found = await find(client, order)
            console.print(f"Order [bold]{found['id']}[/] of {found['customerId']}: {found['status']}")
            tell(found)

    run(show())


@rest.command(rich_help_panel=TALK)
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


@rest.command(rich_help_panel=RUN)
def token(
    role: Annotated[Role, typer.Argument(help="What the token says its owner is.")],
    subject: Annotated[str, typer.Argument(help="Who: a customer's name, a restaurant's id, c-01 …")],
    hours: Annotated[float, typer.Option(min=0.01, help="How long it is good for.")] = HOURS,
) -> None:
    """Print a development token, for GraphiQL or curl.

    Example: `curl -H "Authorization: Bearer $(./demae token customer you)" …`
    """
    print(mint(subject, role, configuration().jwt_secret, hours))


@rest.command(rich_help_panel=RUN)
def kill(process: Process) -> None:
    """Kill one process with signal 9. Its supervisor starts it again."""
    console.print(processes.kill(here(), process))


@rest.command(rich_help_panel=RUN)
def stop(process: Process) -> None:
    """Stop one process, and leave it so."""
    console.print(processes.stop(here(), process))


@rest.command(rich_help_panel=RUN)
def start(process: Process) -> None:
    """Start one process that is stopped."""
    console.print(processes.start(here(), process))


@rest.command("doctor", rich_help_panel=RUN)
def examine() -> None:
    """Say what is missing or not well: prerequisites, ports, every process, the log's clock, lag, parked orders."""
    if not doctor.report(here(), console):
        raise typer.Exit(1)


@rest.command("first-order", rich_help_panel=RUN)
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
