"""A batch folded over tickets and stock, in memory; and the seed file that ships."""

from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from restaurant import seed
from restaurant.__main__ import SEED_FILE
from restaurant.domain import State, Ticket
from restaurant.events import (
    DeliveryAssigned,
    ItemsOutOfStock,
    Line,
    Missing,
    OfOrder,
    OfRestaurant,
    OrderAccepted,
    OrderCancelled,
    OrderCreated,
    OrderDelivered,
    OrderReady,
    Outgoing,
    StockSet,
)
from restaurant.shelves import Cause, Count, Shelf, Shelves

STOCK = {("r1", "soup"): 2, ("r1", "rice"): 1, ("r2", "soup"): 1}
Event = OfOrder | OfRestaurant
Pair = tuple[str, Event]
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)

created = st.builds(
    OrderCreated,
    st.sampled_from(["r1", "r2", "gone"]),
    st.lists(st.builds(Line, st.sampled_from(["soup", "rice"]), st.integers(1, 2)), min_size=1, max_size=2).map(tuple),
)
later: st.SearchStrategy[OfOrder] = st.sampled_from(
    [
        DeliveryAssigned(),
        OrderReady(),
        OrderDelivered(),
        OrderCancelled("customer"),
        ItemsOutOfStock((Missing("soup", 0),)),
    ]
)
counted = st.tuples(
    st.sampled_from(["r1", "r2"]), st.builds(StockSet, st.sampled_from(["soup", "rice", "tea"]), st.integers(0, 3))
)


@st.composite
def lives(draw: st.DrawFn) -> list[OfOrder]:
    """One order's events: created first, as the log has it."""
    return [draw(created), *draw(st.lists(later, max_size=5))]


@st.composite
def histories(draw: st.DrawFn, counting: bool = True) -> list[tuple[Cause, Pair]]:
    """Some orders' lives and some counts, interleaved; those that were said first may be read last."""
    queues: dict[str, list[OfOrder]] = {f"o{n}": draw(lives()) for n in range(draw(st.integers(1, 4)))}
    events: list[Pair] = []
    while alive := [o for o, queue in queues.items() if queue]:
        if counting and draw(st.integers(0, 4)) == 0:
            events.append(draw(counted))
        order_id = draw(st.sampled_from(alive))
        events.append((order_id, queues[order_id].pop(0)))
    times = [NOON + timedelta(seconds=draw(st.integers(0, 9))) for _ in events]
    return [(Cause(at), pair) for at, pair in zip(times, events, strict=True)]


class Memory:
    """What the tables would hold."""

    def __init__(self) -> None:
        self.tickets: dict[str, Ticket] = {}
        self.stock = Counter(STOCK)
        self.counted_at: dict[tuple[str, str], datetime] = {}
        self.said: list[tuple[str, Outgoing]] = []

    def run(self, batch: list[tuple[Cause, Pair]]) -> "Memory":
        """One transaction: load what the batch names, lock the stock it may need, fold, save."""
        keys = {key for _, (key, _) in batch}
        shelves = Shelves({o: t for o, t in self.tickets.items() if o in keys})
        wanted = shelves.stock_needed(pair for _, pair in batch)
        shelves.put({p: Shelf(self.stock[p], 3, self.counted_at.get(p)) for p in wanted if p in self.stock})
        for cause, (key, event) in batch:
            if isinstance(event, OfRestaurant):
                shelves.count(key, event, cause.at)
            else:
                self.said += [(key, fact) for fact in shelves.order(key, event, cause)]
        self.tickets |= shelves.changed
        self.stock.update({place: count.quantity - self.stock[place] for place, count in shelves.counts.items()})
        self.counted_at |= {place: count.at for place, count in shelves.counts.items()}
        self.stock.update(shelves.stock_changes)
        assert min(self.stock.values()) >= 0
        return self


@given(histories(counting=False), st.integers(1, 8))
def test_batches_keep_the_stock(history: list[tuple[Cause, Pair]], size: int) -> None:
    """However events fall into batches: shelves and tickets hold what there was, but for soup that never was there."""
    memory = Memory()
    reported = any(isinstance(event, ItemsOutOfStock) for _, (_, event) in history)
    for at in range(0, len(history), size):
        memory.run(history[at : at + size])
        held = Counter(memory.stock)
        for ticket in memory.tickets.values():
            held.update({(ticket.restaurant_id, x.item_id): 0 for x in ticket.lines if ticket.held})
            for line in ticket.lines if ticket.held else ():
                held[ticket.restaurant_id, line.item_id] += line.quantity
        assert all(held[p] == n or (reported and p[1] == "soup" and held[p] < n) for p, n in STOCK.items())


@given(histories(), st.integers(2, 8))
def test_batches_are_as_one_by_one(history: list[tuple[Cause, Pair]], size: int) -> None:
    """Stock, tickets and facts do not depend on where a batch ends, whatever is counted and reported between."""
    single, batched = Memory(), Memory()
    for one in history:
        single.run([one])
    for at in range(0, len(history), size):
        batched.run(history[at : at + size])
    assert (batched.tickets, +batched.stock, batched.said) == (single.tickets, +single.stock, single.said)
    assert batched.counted_at == single.counted_at


def test_kitchen_s_word_replaces_the_stock() -> None:
    """What was there is forgotten; what the batch takes after it comes off the new count."""
    shelves = Shelves({"o1": Ticket(State.ORDERED, "r1", (Line("rice", 2),))})
    shelves.put({("r1", "rice"): Shelf(1, None)})
    shelves.count("r1", StockSet("rice", 5), NOON)
    assert shelves.order("o1", DeliveryAssigned()) == [OrderAccepted()]
    assert (shelves.counts, shelves.stock_changes) == ({("r1", "rice"): Count(5, NOON)}, {("r1", "rice"): -2})


def test_older_word_changes_nothing() -> None:
    """A report read late does not undo a count that was said after it; what the order held is not given back."""
    shelves = Shelves({"o1": Ticket(State.COOKING, "r1", (Line("soup", 1), Line("rice", 1)), held=True)})
    shelves.put({("r1", item): Shelf(7, None, NOON) for item in ("soup", "rice")})
    shelves.order("o1", ItemsOutOfStock((Missing("soup", 0),)), Cause(NOON - timedelta(seconds=1)))
    assert (shelves.counts, shelves.stock_changes) == ({}, {("r1", "rice"): 1})
    assert shelves.changed["o1"].state is State.CLOSED


def test_report_leaves_none() -> None:
    """What the kitchen says has run out is nothing, whatever the table says: not less what others hold of it."""
    shelves = Shelves({"o1": Ticket(State.COOKING, "r1", (Line("soup", 2), Line("rice", 1)), held=True)})
    shelves.put({("r1", item): Shelf(7, None) for item in ("soup", "rice")})
    shelves.order("o1", ItemsOutOfStock((Missing("soup", 0),)), Cause(NOON))
    shelves.order("o1", OrderCancelled("out_of_stock"), Cause(NOON))
    assert (shelves.counts, shelves.stock_changes) == ({("r1", "soup"): Count(0, NOON)}, {("r1", "rice"): 1})


def test_first_count_of_a_dish() -> None:
    """A dish without a row gets one; a report makes none."""
    shelves = Shelves({"o1": Ticket(State.ORDERED, "r9", (Line("soup", 1),))})
    shelves.count("r1", StockSet("tea", 3), NOON)
    shelves.order("o1", ItemsOutOfStock((Missing("soup", 0),)), Cause(NOON))
    assert shelves.counts == {("r1", "tea"): Count(3, NOON)}


def test_last_dish_goes_once() -> None:
    """Two orders of one batch want the last dish: the first in the log has it."""
    shelves = Shelves({o: Ticket(State.ORDERED, "r1", (Line("rice", 1),)) for o in ("o1", "o2")})
    events: list[Pair] = [("o2", DeliveryAssigned()), ("o1", DeliveryAssigned())]
    assert shelves.stock_needed(events) == {("r1", "rice")}
    shelves.put({("r1", "rice"): Shelf(1, None)})
    said = {order_id: shelves.order(order_id, DeliveryAssigned()) for order_id, _ in events}
    assert said == {"o2": [OrderAccepted()], "o1": [ItemsOutOfStock((Missing("rice", 0),))]}


def test_created_and_assigned_in_one_batch() -> None:
    """The stock of an order that is created in the same batch is known to be needed."""
    shelves = Shelves({})
    events: list[Pair] = [("o1", OrderCreated("r1", (Line("soup", 2),))), ("o1", DeliveryAssigned())]
    assert shelves.stock_needed(events) == {("r1", "soup")}


def test_no_stock_for_facts_that_need_none() -> None:
    """Ready, delivered and late facts lock no stock."""
    shelves = Shelves({"o1": Ticket(State.COOKING, "r1", (Line("soup", 1),), True), "o2": Ticket(State.CLOSED)})
    events: list[Pair] = [("o1", OrderReady()), ("o1", OrderDelivered()), ("o2", DeliveryAssigned())]
    assert shelves.stock_needed(events) == set()
    assert shelves.stock_needed([("o1", ItemsOutOfStock((Missing("rice", 0),)))]) == {("r1", "soup"), ("r1", "rice")}


def test_seed_file_has_every_kind_of_kitchen() -> None:
    """One kitchen without preparation time for load, several with some seconds, one that is manual."""
    kinds = {one.restaurant_id: one.preparation_seconds for one in seed.read(SEED_FILE)}
    assert kinds["bench-kitchen"] == 0
    assert sum(seconds in {2, 3, 4} for seconds in kinds.values()) >= 3
    assert list(kinds.values()).count(None) == 1
