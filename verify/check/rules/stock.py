"""I7, across orders: what is on the shelf is what was planted, less what orders hold."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from check.case import Breach, Case
from check.documents import object_of
from runtime.layout import ROOT

SEED = ROOT / "services" / "restaurant" / "seed.json"

Dish = tuple[str, str]
"""(Restaurant, item)."""


class Shelf:
    """Sums over all cases; dishes whose stock was set since they were planted are left out."""

    def __init__(self, planted: Mapping[Dish, int]) -> None:
        self._planted = planted
        self._held: Counter[Dish] = Counter()
        self._set: set[Dish] = set()

    def see(self, case: Case) -> None:
        """One case, of any topic."""
        if case.ticket is not None and case.ticket.held:
            for line in json.loads(case.ticket.lines):
                self._held[case.ticket.restaurant, line["item_id"]] += line["quantity"]
        for row in case.outbox:
            if row.type == "stock_set":
                self._set.add((case.id, str(object_of(row.payload).get("item_id"))))
            elif row.type == "items_out_of_stock" and row.source == "api" and case.ticket is not None:
                items = json.loads(row.payload)["items"]  # version 1 named them, later ones count them
                names = {item if isinstance(item, str) else item["item_id"] for item in items}
                self._set |= {(case.ticket.restaurant, name) for name in names}

    def breaches(self, stock: Mapping[Dish, int]) -> Iterator[Breach]:
        """`stock` is of the same snapshot as the cases."""
        for dish, planted in self._planted.items():
            if dish in stock and dish not in self._set and stock[dish] != planted - self._held[dish]:
                left = f"{stock[dish]} are left of {planted}, and orders hold {self._held[dish]}"
                yield Breach("I7", "/".join(dish), f"stock was lost or made: {left}")


def planted(file: Path = SEED) -> dict[Dish, int]:
    """What the seed put on the shelves; empty where there is none."""
    if not file.exists():
        return {}
    rows = json.loads(file.read_text(encoding="utf-8"))
    return {(row["restaurant_id"], dish["item_id"]): dish["stock"] for row in rows for dish in row["menu"]}
