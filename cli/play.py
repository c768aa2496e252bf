"""What people do: the commands that act as a customer, a kitchen or a courier, or as a town of them."""

from collections.abc import Awaitable, Callable
from typing import Annotated

import typer

from cli import purchase, render
from cli.errors import CommandError
from cli.session import ALL, speak_as, support
from cli.terminal import PLAY, OrderId, console, find, follow, run
from cli.tokens import Role
from demae_client import Client, Order

app = typer.Typer()
shifts = typer.Typer(no_args_is_help=True, help="Be a courier: begin to take orders, or take no further ones.")
app.add_typer(shifts, name="shift", rich_help_panel=PLAY)

Mutation = Callable[[Client, str], Awaitable[Order]]
Customer = Annotated[str, typer.Option("--as", help="The customer who orders.")]
Other = Annotated[str | None, typer.Option("--as", help="Act as somebody else (and be refused).")]
Courier = Annotated[str, typer.Argument(metavar="COURIER", help="Who: the seeded ones are c-01, c-02 …")]
VISA = "pm_card_visa"


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
    card: Annotated[str, typer.Option(help=f"Payment method: {VISA} pays, pm_card_chargeDeclined does not.")] = VISA,
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


@app.command(rich_help_panel=PLAY)
def cancel(order: OrderId, other: Other = None) -> None:
    """Be the customer: cancel, until the courier has picked the order up."""
    run(act(Client.cancel, order, Role.CUSTOMER, other))


@app.command("retry-payment", rich_help_panel=PLAY)
def retry_payment(
    order: OrderId, card: Annotated[str, typer.Option(help="The other payment method.")] = VISA, other: Other = None
) -> None:
    """Be the customer: pay with another card, after the first one was declined."""
    run(act(lambda client, known: client.retry_payment(known, card), order, Role.CUSTOMER, other))


@app.command(rich_help_panel=PLAY)
def ready(order: OrderId, other: Other = None) -> None:
    """Be the kitchen: the dish is ready."""
    run(act(Client.mark_ready, order, Role.RESTAURANT, other))


@app.command("out-of-stock", rich_help_panel=PLAY)
def out_of_stock(
    order: OrderId,
    items: Annotated[list[str] | None, typer.Argument(help="Items of the order; none: all of them.")] = None,
    other: Other = None,
) -> None:
    """Be the kitchen: something of the order has run out. It ends the order, and the stock is zero."""

    async def report(client: Client, known: str) -> Order:
        missing = items or [item["itemId"] for item in (await find(client, known))["items"]]
        return await client.report_out_of_stock(known, missing)

    run(act(report, order, Role.RESTAURANT, other))


@app.command("set-stock", rich_help_panel=PLAY)
def set_stock(
    restaurant: Annotated[str, typer.Argument(help="The restaurant's id, from `demae menu`.")],
    item: Annotated[str, typer.Argument(help="The dish's id.")],
    quantity: Annotated[int, typer.Argument(min=0, help="What is there now.")],
) -> None:
    """Be the kitchen: so many of a dish are there now.

    Example: `demae set-stock sobaya edamame 0`
    """

    async def count() -> None:
        async with speak_as(restaurant, Role.RESTAURANT) as client:
            console.print(f"{restaurant}: there are {await client.set_stock(item, quantity)} of {item} now.")

    run(count())


@app.command("pick-up", rich_help_panel=PLAY)
def pick_up(order: OrderId, other: Other = None) -> None:
    """Be the assigned courier: the order is in my hands."""
    run(act(Client.pick_up, order, Role.COURIER, other))


@app.command(rich_help_panel=PLAY)
def deliver(order: OrderId, other: Other = None) -> None:
    """Be the courier: the order is with the customer."""
    run(act(Client.deliver, order, Role.COURIER, other))


@shifts.command("start")
def start_shift(courier: Courier) -> None:
    """Take orders from now on."""
    run(shift(Client.start_shift, courier))


@shifts.command("end")
def end_shift(courier: Courier) -> None:
    """Take no further orders; one that is not picked up yet goes to somebody else."""
    run(shift(Client.end_shift, courier))


async def shift(change: Callable[[Client], Awaitable[bool]], courier: str) -> None:
    """Begin or end a courier's shift."""
    async with speak_as(courier, Role.COURIER) as client:
        console.print(f"{courier} is {'on shift' if await change(client) else 'off shift'}.")


async def act(mutation: Mutation, order_id: str, role: Role, subject: str | None) -> None:
    """Send a mutation as the order's own participant, or as `subject`."""
    if subject is None:
        async with support() as client:
            subject = participant(await find(client, order_id), role)
    async with speak_as(subject, role) as client:
        changed = await mutation(client, order_id)
        console.print(f"{subject}: order {order_id} is {changed['status']} (version {changed['version']}).")
        console.print(f"   {changed['message']}", markup=False)


def participant(order: Order, role: Role) -> str:
    """Who has this role in the order; CommandError when nobody has it yet."""
    people = {Role.CUSTOMER: order["customerId"], Role.RESTAURANT: order["restaurantId"]}
    found = people.get(role, order["courierId"])
    if found is None:
        raise CommandError(f"Order {order['id']} is {order['status']}: it has no {role} yet.")
    return found
