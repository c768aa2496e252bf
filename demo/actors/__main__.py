"""`python -m actors`: play the town, print what became of the orders, exit 0 when all went well."""

import asyncio
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.status import Status

from actors import report
from actors.customer import Story
from actors.people import Town
from actors.town import ActorsError, Plan, play
from demae_client import DemaeError

EX_CONFIG = 78
SECRETS = "/run/secrets"  # where engines and Kubernetes mount them; variable SECRETS names another folder
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
console = Console(highlight=False)


@app.command()
def main(  # noqa: PLR0913, PLR0917 - the options of a command
    orders: Annotated[int, typer.Option(min=1, help="How many orders.")] = 100,
    rate: Annotated[float, typer.Option(min=0.1, help="Orders a second.")] = 5.0,
    couriers: Annotated[int, typer.Option(min=0, max=99, help="How many, c-01 and on; 0: enough for the rate.")] = 0,
    period: Annotated[float, typer.Option(min=0.05, help="Staff looks at its orders every so many seconds.")] = 1.5,
    patience: Annotated[float, typer.Option(help="Seconds to wait for the last orders.")] = 120.0,
    restaurant: Annotated[list[str] | None, typer.Option(help="Order here only; may be repeated.")] = None,
    card: Annotated[str, typer.Option(help="Payment method of every order.")] = "pm_card_visa",
    cancellations: Annotated[bool, typer.Option(help="A cancelled order counts as well ended.")] = False,
) -> None:
    """Customers who order and watch, couriers who carry, kitchens that say when a dish is ready.

    Survives restarts of every process: an order is asked for again by the same key, a watch resumes behind its last
    version. Exit code 0: every order was delivered (or ended, with --cancellations).
    """
    known = {name: setting(name) for name in ("DEMAE_URL", "JWT_SECRET")}
    if missing := [name for name, value in known.items() if not value]:
        console.print(f"{', '.join(missing)} not set: run it by ./demae, or set what a running system has.")
        raise typer.Exit(EX_CONFIG)
    town = Town(known["DEMAE_URL"].rstrip("/"), known["JWT_SECRET"])
    plan = Plan(orders, rate, couriers or enough(rate), period, patience, restaurant or (), card)
    stories = run(plan, town)
    console.print(report.table(stories))
    for fault in report.faults(stories):
        console.print(fault, style="red", markup=False)
    raise typer.Exit(0 if report.sound(stories, cancellations) else 1)


def setting(name: str) -> str:
    """A variable of the environment, or the secret file of that name; empty when there is neither."""
    file = Path(os.environ.get("SECRETS") or SECRETS) / name
    return os.environ.get(name) or (file.read_text().strip() if file.is_file() else "")


def enough(rate: float) -> int:
    """A courier has an order for about five seconds: the kitchen's time, and a look or two."""
    return min(99, max(10, math.ceil(6 * rate)))


def run(plan: Plan, town: Town) -> list[Story]:
    """Play with a line of progress; exit 1 with a sentence when the town cannot be played."""
    with console.status("opening") as status:
        try:
            return asyncio.run(play(plan, town.speak_as, lambda stories: tell(status, plan, stories)))
        except (DemaeError, ActorsError) as error:
            console.print(f"The town cannot be played: {error}", style="red", markup=False)
            sys.exit(1)


def tell(status: Status, plan: Plan, stories: Sequence[Story]) -> None:
    """One line on how it stands."""
    kinds = report.counts(stories)
    status.update(
        f"{len(stories)} of {plan.orders} placed, {kinds['delivered']} delivered, {kinds['unfinished']} under way"
    )


if __name__ == "__main__":
    app()
