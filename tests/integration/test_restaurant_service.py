"""restaurant through the consumer: broker in memory, Postgres real."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from chassis.database import Database
from chassis.envelope import Event, Record
from chassis.testing import FakeBroker
from ground.waiting import until
from restaurant import seed
from restaurant.__main__ import build
from restaurant.events import (
    ORDERS,
    READS,
    RESTAURANTS,
    VERSIONS,
    DeliveryAssigned,
    ItemsOutOfStock,
    Line,
    Missing,
    OrderCancelled,
    OrderCreated,
    OrderReady,
    StockSet,
)
from tests.support.counting import running

ROOT = Path(__file__).resolve().parents[2]
DISH = {"item_id": "soup", "name": "Soup", "price": 500, "stock": 10}


class Town:
    """A broker, the service's database, and what can be seen of it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.broker = FakeBroker({ORDERS: 4, RESTAURANTS: 2})
        self.database = Database(url, "test")

    def say(self, key: str, data: Any, source: str = "elsewhere") -> Record:
        """Publish an event of another service."""
        name = next(name for name, shape in READS.items() if isinstance(data, shape))
        topic = RESTAURANTS if name == "stock_set" else ORDERS
        version = VERSIONS.get(type(data), 1)
        return self.broker.publish(Event(topic, key, name, data, schema_version=version), source)

    def order(self, order_id: str, restaurant_id: str, quantity: int = 1) -> None:
        """An order and its courier."""
        self.say(order_id, OrderCreated(restaurant_id, (Line("soup", quantity),)))
        self.say(order_id, DeliveryAssigned())

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """Look from outside."""
        with psycopg.connect(self.url) as db:
            return db.execute(query.encode()).fetchall()

    def states(self) -> dict[str, str]:
        """Order → state."""
        return dict(self.ask("SELECT order_id, state FROM ticket"))

    def said(self, order_id: str) -> list[str]:
        """An order's events, as published."""
        return [kind for key, kind in self.ask("SELECT key, type FROM outbox ORDER BY seq") if key == order_id]


@pytest.fixture
def town(service_database: Callable[..., str], tmp_path: Path) -> Iterator[Town]:
    """A kitchen that needs a second, one that needs no time, one that says when it is ready."""
    one = Town(service_database("restaurant"))
    kitchens = [("quick", 1), ("prompt", 0), ("manual", None)]
    rows = [
        {"restaurant_id": i, "name": i, "currency": "EUR", "preparation_seconds": s, "menu": [DISH]}
        for i, s in kitchens
    ]
    (tmp_path / "seed.json").write_text(json.dumps(rows))
    seed.seed(one.database, seed.read(tmp_path / "seed.json"))
    with running(build(one.database, one.broker.log("restaurant"))) as ends:
        yield one
    assert ends == []
    one.database.close()


def test_automatic_kitchen_cooks_and_is_ready(town: Town) -> None:
    """Accepted, and a second later ready, without anybody."""
    town.order("o1", "quick")
    until(lambda: town.said("o1") == ["order_accepted", "order_ready"])


def test_manual_kitchen_waits_for_its_word(town: Town) -> None:
    """The kitchen's own `order_ready` (of api) is folded, and not said again."""
    town.order("o1", "manual")
    until(lambda: town.states() == {"o1": "COOKING"})
    town.say("o1", OrderReady(), "api")
    until(lambda: town.states() == {"o1": "READY"})
    assert town.said("o1") == ["order_accepted"]


def test_repeats_reserve_once(town: Town) -> None:
    """The same assignment three times by CDC takes the stock once."""
    town.say("o1", OrderCreated("manual", (Line("soup", 3),)))
    record = town.say("o1", DeliveryAssigned())
    town.broker.repeat(record)
    until(lambda: town.states() == {"o1": "COOKING"})
    town.broker.repeat(record)
    town.say("o1", OrderReady(), "api")
    until(lambda: town.states() == {"o1": "READY"})
    assert town.said("o1") == ["order_accepted"]
    assert town.ask("SELECT quantity FROM stock WHERE restaurant_id = 'manual'") == [(7,)]


def test_stock_returns_after_a_rush(town: Town) -> None:
    """30 orders for 10 soups, all cancelled, every event twice: some were refused, and all soups are back."""
    for n in range(30):
        town.say(f"o{n}", OrderCreated("manual", (Line("soup", 1),)))
        town.broker.repeat(town.say(f"o{n}", DeliveryAssigned()))
    until(lambda: len(town.ask("SELECT 1 FROM outbox WHERE type = 'items_out_of_stock'")) == 20)
    for n in range(30):
        town.broker.repeat(town.say(f"o{n}", OrderCancelled("customer")))
    until(lambda: list(town.states().values()) == ["CLOSED"] * 30)
    assert town.ask("SELECT quantity FROM stock WHERE restaurant_id = 'manual'") == [(10,)]


def test_kitchen_reports_and_counts(town: Town) -> None:
    """Its report leaves nothing for the next order; its count does. Its own menu and verdicts are not read."""
    soups = "SELECT quantity FROM stock WHERE restaurant_id = 'manual'"
    town.order("o1", "manual")
    until(lambda: town.states() == {"o1": "COOKING"})
    town.broker.publish(Event(RESTAURANTS, "manual", "menu_published", {}), "restaurant")
    town.say("o1", ItemsOutOfStock((Missing("soup", 0),)), "restaurant")
    town.say("o1", ItemsOutOfStock((Missing("soup", 0),)), "api")
    town.say("o1", OrderCancelled("out_of_stock"), "api")
    until(lambda: town.ask(soups) == [(0,)])
    town.order("o2", "manual")
    until(lambda: town.said("o2") == ["items_out_of_stock"])
    town.broker.repeat(town.say("manual", StockSet("soup", 2), "api"))
    until(lambda: town.ask(soups) == [(2,)])
    town.order("o3", "manual", 2)
    until(lambda: town.said("o3") == ["order_accepted"])
    assert town.ask("SELECT count(*) FROM parked") == [(0,)]


def test_poison_stalls_its_own_order_only(town: Town) -> None:
    """A courier for an order never created is parked with what follows; other orders go on."""
    town.say("o1", DeliveryAssigned())
    town.say("o1", OrderCancelled("customer"))
    town.order("o2", "prompt")
    until(lambda: town.said("o2") == ["order_accepted", "order_ready"])
    until(lambda: town.ask('SELECT state FROM parked ORDER BY "offset"') == [("head",), ("behind",)])


def test_seed_command(service_database: Callable[..., str]) -> None:
    """`python -m restaurant seed` needs the database only, says what it did, and does nothing the second time."""
    url = service_database("restaurant", fresh=True)
    path = ":".join(str(ROOT / part) for part in ("chassis/src", "services"))
    command = [sys.executable, "-m", "restaurant", "seed"]
    said = []
    for _ in range(2):
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": path, "DATABASE_URL": url}
        said.append(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)
    assert "bench-kitchen" in said[0]
    assert said[1] == "nothing to change\n"
