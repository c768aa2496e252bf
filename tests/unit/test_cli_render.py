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
    "message": "Paid; a courier is being looked for.",
    "actions": [],
    "deadline": None,
    "customerId": "you",
    "restaurantId": "r-1",
    "restaurantName": "Da [bold]Nino[/]",
    "courierId": None,
    "items": [],
    "total": {"amount": 1250, "currency": "EUR"},
    "payment": {"status": "COMPLETED", "attempt": 1, "failure": None},
    "cancellation": None,
    "timeline": [
        {
            "version": 1,
            "event": "order_created",
            "message": "Placed at Da [bold]Nino[/].",
            "reason": None,
            "status": "PLACED",
            "at": "2026-11-24T12:00:00Z",
        },
        {
            "version": 2,
            "event": "payment_completed",
            "message": "Paid.",
            "reason": None,
            "status": "PAID",
            "at": "2026-11-24T12:00:00.042Z",
        },
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
    """A line for each fact: when, which version, the system's own sentence."""
    first, second = map(str, render.history(order()))
    assert first.split(maxsplit=4) == ["+0.000", "s", "v1", "PLACED", "Placed at Da [bold]Nino[/]."]
    assert second.split(maxsplit=4) == ["+0.042", "s", "v2", "PAID", "Paid."]


def test_history_begins_after_the_cursor() -> None:
    """What was told is not told again."""
    assert [str(line).split()[2] for line in render.history(order(), after=1)] == ["v2"]


def declined(**changes: Any) -> Order:
    """An order whose card was declined, as its customer sees it."""
    at = "2026-11-24T12:05:00.5Z"
    fact = {"version": 2, "event": "payment_failed", "message": "Not paid.", "reason": "expired_card"}
    told = {
        "status": "PLACED",
        "message": "Not paid, because the card has expired; pay with another card.",
        "payment": {"status": "FAILED", "attempt": 1, "failure": "expired_card"},
        "actions": [{"name": "CANCEL_ORDER", "until": at}, {"name": "RETRY_PAYMENT", "until": at}],
        "deadline": {"reason": "PAYMENT_FAILED", "at": at},
        "timeline": [ORDER["timeline"][0], fact | {"status": "PLACED", "at": "2026-11-24T12:00:00.500Z"}],
    }
    return order(**told | changes)


CANCELLED: dict[str, Any] = {
    "status": "CANCELLED",
    "message": "Cancelled.",
    "cancellation": {"reason": "PAYMENT_FAILED"},
    "actions": [],
    "deadline": None,
}


def test_reason_of_a_fact_is_shown() -> None:
    """The sentence for a person, and the word that a program would read."""
    assert str(render.history(declined())[1]).endswith("Not paid. [expired_card]")


def test_decline_is_given_as_reason() -> None:
    """The customer reads why: the order's reason and the provider's words."""
    assert render.reason(declined(**CANCELLED)) == "payment failed (expired_card)"


def test_trouble_says_what_to_do() -> None:
    """Why, every way out with its command and how long it is open, and what happens else."""
    why, *ways, end = map(str, render.trouble(declined()))
    clock = render.moment("2026-11-24T12:05:00Z").astimezone().strftime("%H:%M:%S")
    assert why.strip() == "Not paid, because the card has expired; pay with another card."
    assert [way.strip() for way in ways] == [
        f"· ./demae cancel o-1, until {clock} at least",
        f"· ./demae retry-payment o-1 --card pm_card_visa, until {clock} at least",
    ]
    assert end.strip() == f"· if nothing happens it is cancelled (payment failed), at {clock} or later"


def test_refund_under_way_is_told() -> None:
    """The money comes back by itself."""
    refunding = declined(**CANCELLED, payment={"status": "REFUNDING", "attempt": 1, "failure": None})
    assert [str(line).strip() for line in render.trouble(refunding)] == [
        "Cancelled.",
        "· nothing to do: the refund is under way",
    ]


def test_refused_refund_is_support_s() -> None:
    """What a person has to do has no limit; a newer system's action is shown by its name."""
    actions = [{"name": "REFUND_BY_HAND", "until": None}, {"name": "WAVE_BACK", "until": None}]
    failed = declined(**CANCELLED | {"actions": actions})
    assert [str(line).strip() for line in render.trouble(failed)][1:] == [
        "· settle the refund by hand, at the provider",
        "· wave back",
    ]


def test_well_order_has_no_trouble() -> None:
    """While all is well there is nothing to add."""
    assert render.trouble(order()) == []


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
