"""How orders look in a terminal."""

import copy
from io import StringIO
from typing import Any, cast

import pytest
from rich.console import Console

from cli import purchase, render
from cli.errors import CommandError
from demae_client import Order, Restaurant

ORDER: dict[str, Any] = {
    "id": "o-1",
    "version": 2,
    "status": "PAID",
    "customerId": "you",
    "restaurantId": "r-1",
    "restaurantName": "Da [bold]Nino[/]",
    "courierId": None,
    "items": [],
    "total": {"amount": 1250, "currency": "EUR"},
    "payment": {"status": "COMPLETED", "failure": None},
    "cancellation": None,
    "timeline": [
        {"version": 1, "event": "order_created", "status": "PLACED", "at": "2026-11-24T12:00:00Z"},
        {"version": 2, "event": "payment_completed", "status": "PAID", "at": "2026-11-24T12:00:00.042Z"},
    ],
}
MENU = [cast(Restaurant, {"id": "r-1", "name": "Nino", "menu": [{"id": "pizza", "name": "Pizza", "price": None}]})]


def order(**changes: Any) -> Order:
    return cast(Order, copy.deepcopy(ORDER) | changes)


def printed(thing: object) -> str:
    out = StringIO()
    Console(file=out, width=200).print(thing)
    return out.getvalue()


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [(1250, "EUR", "12.50 EUR"), (5, "EUR", "0.05 EUR"), (1250, "JPY", "1250 JPY"), (0, "USD", "0.00 USD")],
)
def test_money_has_its_decimals(amount: int, currency: str, text: str) -> None:
    """Minor units are shown as people write them, also where there are none."""
    assert render.money({"amount": amount, "currency": currency}) == text


def test_history_tells_each_fact() -> None:
    """A line for each fact: when, which version, what it means."""
    first, second = map(str, render.history(order()))
    assert first.split() == [
        "+0.000",
        "s",
        "v1",
        "PLACED",
        "placed",
        "at",
        "Da",
        "[bold]Nino[/]",
        "for",
        "12.50",
        "EUR",
    ]
    assert second.split() == ["+0.042", "s", "v2", "PAID", "paid", "12.50", "EUR"]


def test_history_begins_after_the_cursor() -> None:
    """What was told is not told again."""
    assert [str(line).split()[2] for line in render.history(order(), after=1)] == ["v2"]


def test_unknown_fact_is_told_by_name() -> None:
    """A newer system's event is shown, not an error."""
    assert render.sentence("courier_waved", order()) == "courier waved"


def test_decline_is_given_as_reason() -> None:
    """The customer reads why: the order's reason and the provider's words."""
    declined = order(
        cancellation={"reason": "PAYMENT_FAILED"}, payment={"status": "RELEASED", "failure": "card_declined"}
    )
    assert render.sentence("order_cancelled", declined) == "cancelled (payment failed (card_declined))"


def test_names_are_no_markup() -> None:
    """A restaurant's name is shown as it is, whatever brackets are in it."""
    assert "Da [bold]Nino[/]" in printed(render.orders([order()]))


def test_menu_shows_ids_and_prices() -> None:
    """All that `demae place` asks for is on the menu."""
    dish = {"id": "pizza", "name": "Pizza [x]", "price": {"amount": 900, "currency": "EUR"}}
    shown = printed(render.menus([cast(Restaurant, {"id": "r-1", "name": "Nino", "menu": [dish]})]))
    assert all(word in shown for word in ("r-1", "pizza", "Pizza [x]", "9.00 EUR"))


def test_lines_count_repeated_items() -> None:
    """An item named twice is one line of the order."""
    assert purchase.lines(["pizza:2", "cola", "pizza"]) == {"pizza": 3, "cola": 1}


@pytest.mark.parametrize("word", ["pizza:", "pizza:0", "pizza:x", ":2", "pizza:-1", ""])
def test_strange_line_is_refused(word: str) -> None:
    """A word that is no item is named, with an example."""
    with pytest.raises(CommandError, match="ITEM:QUANTITY"):
        purchase.lines([word])


def test_first_dish_needs_a_menu() -> None:
    """Without items the first dish is taken; an unknown restaurant is named."""
    assert purchase.first_dish(MENU, "r-1") == {"pizza": 1}
    with pytest.raises(CommandError, match="r-2"):
        purchase.first_dish(MENU, "r-2")
