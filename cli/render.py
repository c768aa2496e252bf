"""How orders and menus look in a terminal. Pure: data in, text out."""

from collections.abc import Iterable
from datetime import datetime

from rich.table import Table
from rich.text import Text

from demae_client import Money, Order, Restaurant, TimelineEntry

COLOURS = {"DELIVERED": "bold green", "CANCELLED": "bold red", "READY": "cyan", "PICKED_UP": "cyan"}
DECIMALS = {"JPY": 0, "KRW": 0}


def money(value: Money) -> str:
    """`12.50 EUR` from minor units."""
    decimals = DECIMALS.get(value["currency"], 2)
    return f"{value['amount'] / 10**decimals:.{decimals}f} {value['currency']}"


AWAITS = {
    "PAID": "waits for a free courier: ./demae shift start c-01",
    "ACCEPTED": "waits for the kitchen (a manual one: ./demae ready {id})",
    "READY": "waits for its courier: ./demae pick-up {id}",
    "PICKED_UP": "is on its way: ./demae deliver {id}",
}


def awaits(order: Order) -> str | None:
    """What the order waits for now, when a person may have to do something about it."""
    known = AWAITS.get(order["status"])
    return known and known.format(id=order["id"])


COMMANDS = {
    "CANCEL_ORDER": "./demae cancel {id}",
    "RETRY_PAYMENT": "./demae retry-payment {id} --card pm_card_visa",
    "MARK_ORDER_READY": "./demae ready {id}",
    "REPORT_OUT_OF_STOCK": "./demae out-of-stock {id}",
    "PICK_UP_ORDER": "./demae pick-up {id}",
    "DELIVER_ORDER": "./demae deliver {id}",
    "REFUND_BY_HAND": "settle the refund by hand, at the provider",
}


def trouble(order: Order) -> list[Text]:
    """What went wrong, why, what the viewer can do and until when, what happens by itself; [] while all is well."""
    if order["status"] != "CANCELLED" and order["payment"]["status"] != "FAILED":
        return []
    lines = [Text(f"   {order['message']}", "bold")]
    for action in order["actions"]:
        known = COMMANDS.get(action["name"], readable(action["name"])).format(id=order["id"])
        lines.append(Text(f"   · {known}{_until(action['until'])}"))
    if order["deadline"]:
        end = order["deadline"]
        lines.append(
            Text(
                f"   · if nothing happens it is cancelled ({readable(end['reason'])}), at {_clock(end['at'])} or later"
            )
        )
    if order["payment"]["status"] == "REFUNDING":
        lines.append(Text("   · nothing to do: the refund is under way"))
    return lines


def _until(at: str | None) -> str:
    return f", until {_clock(at)} at least" if at else ""


def _clock(at: str) -> str:
    """The time of day, here."""
    return moment(at).astimezone().strftime("%H:%M:%S")


def readable(code: str) -> str:
    """`NO_COURIER` as people write it."""
    return code.replace("_", " ").lower()


def line(entry: TimelineEntry, begin: datetime) -> Text:
    """One fact of an order: seconds since it was placed, version, status, what happened, why in a program's word."""
    elapsed = (moment(entry["at"]) - begin).total_seconds()
    text = Text(f"{elapsed:+8.3f} s  v{entry['version']:<3}")
    text.append(f"{entry['status']:<17}", style=COLOURS.get(entry["status"], "bold"))
    text.append(entry["message"])
    return text.append(f" [{entry['reason']}]", style="dim") if entry["reason"] else text


def history(order: Order, after: int = 0) -> list[Text]:
    """The lines of every fact later than version `after`."""
    timeline = order["timeline"]
    if not timeline:
        return []
    begin = moment(timeline[0]["at"])
    return [line(entry, begin) for entry in timeline if entry["version"] > after]


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
    """Why an order was cancelled, with the provider's word when a card was declined."""
    why = readable(order["cancellation"]["reason"]) if order["cancellation"] else "no reason given"
    declines = [entry["reason"] for entry in order["timeline"] if entry["event"] == "payment_failed"]
    return f"{why} ({declines[-1]})" if declines else why
