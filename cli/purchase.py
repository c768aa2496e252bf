"""What a person types after `demae place`: `ITEM` or `ITEM:QUANTITY`."""

import re
from collections.abc import Sequence

from cli.errors import CommandError
from demae_client import Restaurant

LINE = re.compile(r"(?P<item>[^:]+)(:(?P<quantity>[1-9]\d*))?")


def lines(words: Sequence[str]) -> dict[str, int]:
    """Quantities by item; an item named twice is one line. Raises CommandError for a word it does not understand."""
    wanted: dict[str, int] = {}
    for word in words:
        match = LINE.fullmatch(word)
        if match is None:
            raise CommandError(f"{word!r} is not ITEM or ITEM:QUANTITY, such as margherita or margherita:2.")
        wanted[match["item"]] = wanted.get(match["item"], 0) + int(match["quantity"] or 1)
    return wanted


def first_dish(restaurants: Sequence[Restaurant], restaurant_id: str) -> dict[str, int]:
    """One of the restaurant's first dish, for a person who names none."""
    for restaurant in restaurants:
        if restaurant["id"] == restaurant_id and restaurant["menu"]:
            return {restaurant["menu"][0]["id"]: 1}
    raise CommandError(f"There is no restaurant {restaurant_id} with a menu: `./demae menu` lists them.")
