"""How orders and menus look in a terminal. Pure: data in, text out."""

from collections.abc import Iterable
from datetime import datetime

from rich.table import Table
from rich.text import Text

from demae_client import Money, Order, Restaurant, TimelineEntry

COLOURS = {"DELIVERED": "bold green", "CANCELLED": "bold red", "READY": "cyan", "PICKED_UP": "cyan"}
DECIMALS = {"JPY": 0, "KRW": 0}

SENTENCES = {
    "order_created": "placed at {restaurantName} for {total}",
    "payment_completed": "paid {total}",
    "payment_failed": "the card was declined{failure}",
    "delivery_assigned": "courier {courierId} is assigned",
    "order_accepted": "the kitchen has the stock and cooks",
    "items_out_of_stock": "something is out of stock",
    "order_ready": "ready to be picked up",
    "order_picked_up": "picked up by {courierId}",
    "order_delivered": "delivered",
    "order_cancelled": "cancelled ({reason})",
    "payment_refunded": "the money went back",
    "payment_released": "nothing was charged",
    "refund_failed": "the refund failed: support has to look at it",
}


def money(value: Money) -> str:
    """`12.50 EUR` from minor units."""
    decimals = DECIMALS.get(value["currency"], 2)
    return f"{value['amount'] / 10**decimals:.{decimals}f} {value['currency']}"


def sentence(event: str, order: Order) -> str:
    """What a fact means to a person, with the order's own words filled in."""
    words = {
        "restaurantName": order["restaurantName"],
        "total": money(order["total"]),
        "courierId": order["courierId"] or "nobody",
        "failure": f" ({order['payment']['failure']})" if order["payment"]["failure"] else "",
        "reason": reason(order),
    }
    return SENTENCES.get(event, event.replace("_", " ")).format(**words)


AWAITS = {
    "PAID": "waits for a free courier",
    "ACCEPTED": "waits for the kitchen (a manual one: ./demae ready {id})",
    "READY": "waits for its courier: ./demae pick-up {id}",
    "PICKED_UP": "is on its way: ./demae deliver {id}",
}


def awaits(order: Order) -> str | None:
    """What the order waits for now, when a person may have to do something about it."""
    if order["status"] == "PLACED" and order["payment"]["status"] == "FAILED":
        return f"ends by itself in a few minutes, or: ./demae cancel {order['id']}"
    known = AWAITS.get(order["status"])
    return known and known.format(id=order["id"])


def readable(code: str) -> str:
    """`NO_COURIER` as people write it."""
    return code.replace("_", " ").lower()


def line(entry: TimelineEntry, order: Order, begin: datetime) -> Text:
    """One fact of an order: seconds since it was placed, version, status, and what happened."""
    elapsed = (moment(entry["at"]) - begin).total_seconds()
    text = Text(f"{elapsed:+8.3f} s  v{entry['version']:<3}")
    text.append(f"{entry['status']:<17}", style=COLOURS.get(entry["status"], "bold"))
    return text.append(sentence(entry["event"], order))


def history(order: Order, after: int = 0) -> list[Text]:
    """The lines of every fact later than version `after`."""
    timeline = order["timeline"]
    if not timeline:
        return []
    begin = moment(timeline[0]["at"])
    return [line(entry, order, begin) for entry in timeline if entry["version"] > after]


def moment(text: str) -> datetime:
    """An RFC 3339 time, `Z` included, as an aware datetime."""
    return datetime.fromisoformat(text)


def menus(restaurants: Iterable[Restaurant]) -> Table:
    """All restaurants and their dishes as one table, with the ids that `demae place` takes."""
    table = Table("restaurant", "dish", "name", "price", title_justify="left", box=None, pad_edge=False)
    table.columns[3].justify = "right"
    for restaurant in restaurants:
        table.add_row(Text(restaurant["id"], "bold"), "", Text(restaurant["name"], "bold"), "")
        for item in restaurant["menu"]:
            table.add_row("", Text(item["id"]), Text(item["name"]), money(item["price"]))
    return table


def orders(rows: Iterable[Order]) -> Table:
    """Orders, one a line; an id that is cut is of no use, so the restaurant's name gives way."""
    table = Table("order", "status", "total", "restaurant", box=None, pad_edge=False)
    for column, width in zip(table.columns, (36, 16, 10, None), strict=True):
        column.no_wrap, column.min_width = True, width
    for row in rows:
        table.add_row(
            Text(row["id"]),
            Text(row["status"], style=COLOURS.get(row["status"], "")),
            money(row["total"]),
            Text(row["restaurantName"], overflow="ellipsis"),
        )
    return table


def reason(order: Order) -> str:
    """Why an order was cancelled, with the provider's words when the card was declined."""
    why = readable(order["cancellation"]["reason"]) if order["cancellation"] else "no reason given"
    failure = order["payment"]["failure"]
    return f"{why} ({failure})" if failure else why
