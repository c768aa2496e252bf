"""I7, across orders: what is on the shelf is what was planted, less what orders hold."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from check.case import Breach, Case
from runtime.layout import ROOT

SEED = ROOT / "services" / "restaurant" / "seed.json"

Dish = tuple[str, str]
"""(Restaurant, item)."""


class Shelf:
    """Sums over all cases."""

    def __init__(self, planted: Mapping[Dish, int]) -> None:
        self._planted = planted
        self._held: Counter[Dish] = Counter()

    def see(self, case: Case) -> None:
        """One case, of any topic."""
        if case.ticket is not None and case.ticket.held:
            for line in json.loads(case.ticket.lines):
                self._held[case.ticket.restaurant, line["item_id"]] += line["quantity"]

    def breaches(self, stock: Mapping[Dish, int]) -> Iterator[Breach]:
        """`stock` is of the same snapshot as the cases, without dishes that a kitchen has counted since."""
        for dish, planted in self._planted.items():
            if dish in stock and stock[dish] != planted - self._held[dish]:
                left = f"{stock[dish]} are left of {planted}, and orders hold {self._held[dish]}"
                yield Breach("I7", "/".join(dish), f"stock was lost or made: {left}")


def planted(file: Path = SEED) -> dict[Dish, int]:
    """What the seed put on the shelves; empty where there is none."""
    if not file.exists():
        return {}
    rows = json.loads(file.read_text(encoding="utf-8"))
    return {(row["restaurant_id"], dish["item_id"]): dish["stock"] for row in rows for dish in row["menu"]}
