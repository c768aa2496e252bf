"""Seeding: restaurants, menus and stock from a JSON file, in one transaction with the events that tell of the menus.

The file is a list of {restaurant_id, name, currency, preparation_seconds, menu: [{item_id, name, price, stock}]};
`preparation_seconds` null is a manual kitchen, prices are minor units.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chassis.database import Database
from chassis.envelope import Event, encode
from chassis.outbox import publish
from restaurant import store
from restaurant.events import RESTAURANTS, MenuItem, MenuPublished


@dataclass(frozen=True, slots=True)
class Planting:
    """One restaurant of the file."""

    restaurant_id: str
    preparation_seconds: int | None
    menu: MenuPublished
    stock: dict[str, int]  # item_id → quantity, for dishes that have none yet


def read(file: Path) -> list[Planting]:
    """Raises OSError, or ValueError or KeyError for a file of another shape."""
    return [_planting(row) for row in json.loads(file.read_text(encoding="utf-8"))]


def _planting(row: dict[str, Any]) -> Planting:
    dishes = row["menu"]
    items = tuple(MenuItem(dish["item_id"], dish["name"], dish["price"]) for dish in dishes)
    menu = MenuPublished(row["name"], row["currency"], items)
    stock = {dish["item_id"]: dish["stock"] for dish in dishes}
    return Planting(row["restaurant_id"], row["preparation_seconds"], menu, stock)


def seed(database: Database, plantings: Sequence[Planting], if_empty: bool = False) -> list[str]:
    """Write what differs and publish the menus that changed; -> their restaurants. A second time changes nothing.

    With `if_empty` nothing is written where there is a restaurant already: what was changed since stays.
    """
    with database.transaction() as tx:
        if if_empty and store.has_restaurants(tx):
            return []
        changed = []
        for planting in sorted(plantings, key=lambda one: one.restaurant_id):
            menu = encode(planting.menu).decode()
            if store.put_restaurant(tx, planting.restaurant_id, planting.preparation_seconds, menu):
                changed.append(planting)
            store.add_stock(tx, planting.restaurant_id, planting.stock)
        publish(tx, [Event(RESTAURANTS, one.restaurant_id, "menu_published", one.menu) for one in changed])
    return [one.restaurant_id for one in changed]
