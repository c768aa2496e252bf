"""restaurant's transactions on a real Postgres: what two of them do to each other, and the kitchens' timer."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

from chassis.database import Database, Transaction
from chassis.errors import Poison
from ground.waiting import until
from restaurant import handlers, seed
from restaurant.__main__ import SEED_FILE
from restaurant.events import (
    READS,
    DeliveryAssigned,
    ItemsOutOfStock,
    Line,
    Missing,
    OrderCancelled,
    OrderCreated,
    OrderDelivered,
    OrderReady,
    StockSet,
)
from tests.support.batches import batch

ASSIGNED, CANCELLED = DeliveryAssigned(), OrderCancelled("customer")
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


def kitchen(restaurant_id: str, seconds: int | None) -> dict[str, Any]:
    """A restaurant of a seed file, with three soups and one rice."""
    dishes = [("soup", 3), ("rice", 1)]
    menu = [{"item_id": i, "name": i.title(), "price": 500, "stock": n} for i, n in dishes]
    shop = {"restaurant_id": restaurant_id, "name": restaurant_id, "currency": "EUR"}
    return {**shop, "preparation_seconds": seconds, "menu": menu}


class House:
    """The service's handlers on a database of this test."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.database = Database(url, "test", size=4)

    def handle(self, tx: Transaction, *pairs: tuple[str, Any]) -> None:
        """Fold a batch in a transaction of the caller."""
        handlers.handle(tx, batch(READS, pairs))

    def run(self, *pairs: tuple[str, Any]) -> None:
        """Fold a batch and commit."""
        with self.database.transaction() as tx:
            self.handle(tx, *pairs)

    def order(self, order_id: str, restaurant_id: str, **quantities: int) -> None:
        """An order that waits for its courier."""
        self.run((order_id, OrderCreated(restaurant_id, tuple(Line(i, n) for i, n in quantities.items()))))

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """Look from outside."""
        with psycopg.connect(self.url) as db:
            return db.execute(query.encode()).fetchall()

    def state(self, order_id: str) -> str:
        """The ticket's state."""
        return str(dict(self.ask("SELECT order_id, state FROM ticket"))[order_id])

    def stock(self, restaurant_id: str = "slow") -> dict[str, int]:
        """What is left."""
        rows = self.ask("SELECT restaurant_id, item_id, quantity FROM stock")
        return {item: quantity for restaurant, item, quantity in rows if restaurant == restaurant_id}

    def said(self) -> list[tuple[str, str]]:
        """(order, event), as published."""
        return self.ask("SELECT key, type FROM outbox WHERE topic = 'orders.events' ORDER BY seq")

    def make_due(self) -> None:
        """Let the preparation times pass."""
        with psycopg.connect(self.url) as db:
            db.execute("UPDATE ticket SET ready_at = now() - interval '1 second' WHERE ready_at IS NOT NULL")


@pytest.fixture
def house(service_database: Callable[..., str], tmp_path: Path) -> Iterator[House]:
    """Three kitchens: `slow` (an hour), `prompt` (no time), `manual`."""
    one = House(service_database("restaurant"))
    file = tmp_path / "seed.json"
    file.write_text(json.dumps([kitchen("slow", 3600), kitchen("prompt", 0), kitchen("manual", None)]))
    seed.seed(one.database, seed.read(file))
    yield one
    one.database.close()


def test_reserve_and_accept(house: House) -> None:
    """Ticket, stock and event stand in the same commit."""
    house.order("o1", "slow", soup=2, rice=1)
    house.run(("o1", ASSIGNED))
    assert house.state("o1") == "COOKING"
    assert house.stock() == {"soup": 1, "rice": 0}
    assert house.said() == [("o1", "order_accepted")]


def test_whole_life_in_one_batch(house: House) -> None:
    """Created, assigned and cancelled between two commits: the stock is where it was."""
    lines = OrderCreated("slow", (Line("soup", 2),))
    house.run(("o1", lines), ("o1", ASSIGNED), ("o1", CANCELLED))
    assert house.state("o1") == "CLOSED"
    assert house.stock() == {"soup": 3, "rice": 1}


def test_rolled_back_batch_leaves_nothing(house: House) -> None:
    """A batch that fails before its commit takes no stock and says nothing."""
    house.order("o1", "slow", soup=2)
    with pytest.raises(RuntimeError), house.database.transaction() as tx:
        house.handle(tx, ("o1", ASSIGNED))
        raise RuntimeError("killed here")
    assert (house.state("o1"), house.stock()["soup"], house.said()) == ("ORDERED", 3, [])


def test_any_missing_dish_takes_nothing(house: House) -> None:
    """All lines or none; what is missing is named."""
    house.order("o1", "slow", soup=1, rice=2, cake=1)
    house.run(("o1", ASSIGNED))
    assert house.stock() == {"soup": 3, "rice": 1}
    assert house.ask("SELECT payload FROM outbox WHERE key = 'o1'") == [
        ('{"items":[{"item_id":"cake","left":0},{"item_id":"rice","left":1}]}',)
    ]


def test_unknown_restaurant_has_nothing(house: House) -> None:
    """An order for a kitchen that is not here is out of stock."""
    house.order("o1", "nowhere", soup=1)
    house.run(("o1", ASSIGNED))
    assert house.said() == [("o1", "items_out_of_stock")]


def race(house: House, held: tuple[str, Any], waiting: tuple[str, Any]) -> None:
    """Two batches: the second starts before the first commits, and waits for it."""
    with ThreadPoolExecutor(1) as other:
        with house.database.transaction() as first:
            house.handle(first, held)
            first.execute("SELECT 1").fetchone()
            second = other.submit(house.run, waiting)
            until(lambda: house.ask(WAITING) == [(1,)], what="the second batch waits")
        second.result(10)


def test_race_for_the_last_dish(house: House) -> None:
    """Two orders want the last rice at once: one has it, the other is told; the stock never falls below nothing."""
    house.order("o1", "slow", rice=1)
    house.order("o2", "slow", rice=1)
    race(house, held=("o1", ASSIGNED), waiting=("o2", ASSIGNED))
    assert house.said() == [("o1", "order_accepted"), ("o2", "items_out_of_stock")]
    assert house.stock()["rice"] == 0


def test_race_on_one_order(house: House) -> None:
    """A cancellation waits for the reservation at work, and gives the stock back."""
    house.order("o1", "slow", soup=2)
    race(house, held=("o1", ASSIGNED), waiting=("o1", CANCELLED))
    assert (house.state("o1"), house.stock()["soup"]) == ("CLOSED", 3)


def test_race_on_a_new_order(house: House) -> None:
    """Two owners meet on an order neither has seen: the later one fails and reads again, it overwrites nothing."""
    with pytest.raises(psycopg.errors.UniqueViolation):
        race(house, held=("o1", CANCELLED), waiting=("o1", OrderCreated("slow", (Line("soup", 1),))))
    assert house.state("o1") == "CLOSED"


def test_opposite_orders_do_not_deadlock(house: House) -> None:
    """Batches that need the same dishes in opposite order lock them in one order."""
    for n in range(2):
        house.order(f"a{n}", "slow", soup=1)
        house.order(f"b{n}", "prompt", soup=1)
    with ThreadPoolExecutor(2) as both:
        runs = [both.submit(house.run, ("a0", ASSIGNED), ("b0", ASSIGNED))]
        runs += [both.submit(house.run, ("b1", ASSIGNED), ("a1", ASSIGNED))]
        for one in runs:
            one.result(10)
    assert (house.stock("slow")["soup"], house.stock("prompt")["soup"]) == (1, 1)


def test_cancelled_before_created_is_remembered(house: House) -> None:
    """An order never seen leaves a CLOSED ticket; what was on its way finds it."""
    house.run(("o1", CANCELLED))
    house.order("o1", "slow", soup=1)
    house.run(("o1", ASSIGNED))
    assert (house.state("o1"), house.stock()["soup"], house.said()) == ("CLOSED", 3, [])


def test_stock_goes_back_once(house: House) -> None:
    """A second cancellation, or a delivery after it, changes nothing."""
    house.order("o1", "slow", soup=2)
    house.run(("o1", ASSIGNED))
    for end in (CANCELLED, CANCELLED, OrderDelivered()):
        house.run(("o1", end))
    assert house.stock()["soup"] == 3


def test_ready_dish_is_used_up(house: House) -> None:
    """After `order_ready` a cancellation gives nothing back."""
    house.order("o1", "manual", soup=2)
    house.run(("o1", ASSIGNED))
    house.run(("o1", OrderReady()))
    house.run(("o1", CANCELLED))
    assert (house.state("o1"), house.stock("manual")["soup"]) == ("CLOSED", 1)


def test_no_time_needs_no_timer(house: House) -> None:
    """A kitchen of 0 seconds says accepted and ready in one commit."""
    house.order("o1", "prompt", soup=1)
    house.run(("o1", ASSIGNED))
    assert house.said() == [("o1", "order_accepted"), ("o1", "order_ready")]
    assert house.ask("SELECT state, ready_at FROM ticket") == [("READY", None)]


def test_timer_waits_for_its_time(house: House) -> None:
    """An automatic kitchen is ready when its seconds have passed, once; a manual one is never by itself."""
    for order_id, restaurant_id in (("o1", "slow"), ("o2", "manual")):
        house.order(order_id, restaurant_id, soup=1)
        house.run((order_id, ASSIGNED))
    handlers.finish_preparations(house.database)
    assert (house.state("o1"), house.state("o2")) == ("COOKING", "COOKING")
    house.make_due()
    for _ in range(2):
        handlers.finish_preparations(house.database)
    assert (house.state("o1"), house.state("o2")) == ("READY", "COOKING")
    assert house.said().count(("o1", "order_ready")) == 1


def test_time_is_the_kitchens_own(house: House) -> None:
    """`ready_at` is when cooking began plus the kitchen's seconds, by the database's clock."""
    house.order("o1", "slow", soup=1)
    house.run(("o1", ASSIGNED))
    assert house.ask("SELECT ready_at - now() BETWEEN interval '59 min' AND interval '60 min' FROM ticket") == [(True,)]


def test_timer_passes_held_tickets_over(house: House) -> None:
    """A ticket that a batch holds is left for the next scan: nobody waits, and a cancelled order is not made ready."""
    house.order("o1", "slow", soup=1)
    house.run(("o1", ASSIGNED))
    house.make_due()
    with house.database.transaction() as tx:
        house.handle(tx, ("o1", CANCELLED))
        tx.execute("SELECT 1").fetchone()
        handlers.finish_preparations(house.database)
    handlers.finish_preparations(house.database)
    assert (house.state("o1"), house.stock()["soup"]) == ("CLOSED", 3)
    assert ("o1", "order_ready") not in house.said()


def test_courier_for_unknown_order_is_poison(house: House) -> None:
    """An assignment of an order that was never created is set aside, by name."""
    with pytest.raises(Poison) as caught:
        house.run(("o1", ASSIGNED))
    assert caught.value.event.key == "o1"


def test_reported_dish_is_gone(house: House) -> None:
    """By the kitchen's word there is no soup; the rice goes back; the end that follows changes nothing more."""
    house.order("o1", "slow", soup=2, rice=1)
    house.run(("o1", ASSIGNED))
    report = ItemsOutOfStock((Missing("soup", 0),))
    for event in (report, OrderCancelled("out_of_stock"), report, CANCELLED):
        house.run(("o1", event))
    assert (house.state("o1"), house.stock()) == ("CLOSED", {"soup": 0, "rice": 1})


def test_report_of_an_unknown_order(house: House) -> None:
    """It is set aside, by name: nobody knows whose soup that is."""
    with pytest.raises(Poison) as caught:
        house.run(("o1", ItemsOutOfStock((Missing("soup", 0),))))
    assert caught.value.event.key == "o1"


def test_count_replaces_the_stock(house: House) -> None:
    """So many are there now; what an order takes in the same batch comes off that."""
    house.order("o1", "slow", soup=2)
    house.run(("slow", StockSet("soup", 9)), ("o1", ASSIGNED))
    assert house.stock() == {"soup": 7, "rice": 1}
    house.run(("o1", CANCELLED))
    assert house.stock() == {"soup": 9, "rice": 1}


def test_older_word_is_passed_over(house: House) -> None:
    """A report that was parked while the kitchen counted leaves the new soups alone; its order ends all the same."""
    house.order("o1", "slow", soup=1)
    late = batch(READS, [("o1", ItemsOutOfStock((Missing("soup", 0),)))])
    house.run(("slow", StockSet("soup", 9)))
    with house.database.transaction() as tx:
        handlers.handle(tx, late)
    assert (house.state("o1"), house.stock()["soup"]) == ("CLOSED", 9)


def test_first_count_of_a_dish(house: House) -> None:
    """A dish that never had any stock has some now, also one that is not on the menu yet."""
    house.run(("slow", StockSet("tea", 4)), ("slow", StockSet("tea", 5)))
    assert house.stock() == {"soup": 3, "rice": 1, "tea": 5}
    assert house.stock("prompt") == {"soup": 3, "rice": 1}


def test_unknown_restaurant_is_refused(house: House) -> None:
    """A count for a kitchen that is not here fails whole: it is set aside until a person knows better."""
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        house.run(("nowhere", StockSet("soup", 4)), ("slow", StockSet("soup", 9)))
    assert house.stock() == {"soup": 3, "rice": 1}


def test_timer_speaks_in_the_order_s_trace(house: House) -> None:
    """What the preparation time makes true carries the trace that the order began with."""
    one = batch(READS, [("o1", OrderCreated("slow", (Line("soup", 1),)))], traceparent="00-order")
    with house.database.transaction() as tx:
        handlers.handle(tx, one)
    house.run(("o1", ASSIGNED))
    house.make_due()
    handlers.finish_preparations(house.database)
    assert ("order_ready", "00-order") in house.ask("SELECT type, traceparent FROM outbox")


def test_seeding_twice_changes_nothing(house: House) -> None:
    """The file that ships: every menu is published with its restaurant, once; sold stock stays sold."""
    plantings = seed.read(SEED_FILE)
    assert len(seed.seed(house.database, plantings)) == len(plantings) >= 6
    house.order("o1", "bench-kitchen", ration=1)
    house.run(("o1", ASSIGNED))
    before = house.ask("SELECT * FROM stock ORDER BY 1, 2"), house.ask("SELECT count(*) FROM outbox")
    assert seed.seed(house.database, plantings) == []
    assert (house.ask("SELECT * FROM stock ORDER BY 1, 2"), house.ask("SELECT count(*) FROM outbox")) == before


def test_changed_menu_is_published_again(house: House) -> None:
    """A new price is published; the other restaurants are left alone."""
    plantings = seed.read(SEED_FILE)
    seed.seed(house.database, plantings)
    with psycopg.connect(house.url) as db:
        db.execute("UPDATE restaurant SET menu = replace(menu, '1150', '1100') WHERE restaurant_id = 'sobaya'")
    assert seed.seed(house.database, plantings) == ["sobaya"]


def test_seeding_the_empty_leaves_edits(house: House) -> None:
    """`--if-empty` brings back no price that a person changed, and no restaurant beside those there are."""
    before = house.ask("SELECT * FROM restaurant ORDER BY 1")
    assert seed.seed(house.database, seed.read(SEED_FILE), if_empty=True) == []
    assert house.ask("SELECT * FROM restaurant ORDER BY 1") == before


def test_seeding_the_empty_fills_it(service_database: Callable[..., str]) -> None:
    """Where there is no restaurant, `--if-empty` writes the whole file."""
    empty = House(service_database("restaurant"))
    plantings = seed.read(SEED_FILE)
    assert len(seed.seed(empty.database, plantings, if_empty=True)) == len(plantings)
    empty.database.close()
