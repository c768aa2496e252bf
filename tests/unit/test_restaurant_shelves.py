"""A batch folded over tickets and stock, in memory; and the seed file that ships."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from restaurant import seed
from restaurant.__main__ import SEED_FILE
from restaurant.domain import State, Ticket
from restaurant.events import (
    DeliveryAssigned,
    Incoming,
    ItemsOutOfStock,
    Line,
    OrderAccepted,
    OrderCancelled,
    OrderCreated,
    OrderDelivered,
    OrderReady,
)
from restaurant.shelves import Shelf, Shelves

STOCK = {("r1", "soup"): 2, ("r1", "rice"): 1, ("r2", "soup"): 1}
Pair = tuple[str, Incoming]

created = st.builds(
    OrderCreated,
    st.sampled_from(["r1", "r2", "gone"]),
    st.lists(st.builds(Line, st.sampled_from(["soup", "rice"]), st.integers(1, 2)), min_size=1, max_size=2).map(tuple),
)
later: st.SearchStrategy[Incoming] = st.sampled_from(
    [DeliveryAssigned(), OrderReady(), OrderDelivered(), OrderCancelled("customer")]
)


@st.composite
def lives(draw: st.DrawFn) -> list[Incoming]:
    """One order's events: created first, as the log has it."""
    return [draw(created), *draw(st.lists(later, max_size=5))]


@st.composite
def histories(draw: st.DrawFn) -> list[list[Pair]]:
    """Some orders' lives, interleaved and cut into batches."""
    queues: dict[str, list[Incoming]] = {f"o{n}": draw(lives()) for n in range(draw(st.integers(1, 4)))}
    events: list[Pair] = []
    while alive := [o for o, queue in queues.items() if queue]:
        order_id = draw(st.sampled_from(alive))
        events.append((order_id, queues[order_id].pop(0)))
    size = draw(st.integers(1, 8))
    return [events[at : at + size] for at in range(0, len(events), size)]


class Memory:
    """What the tables would hold."""

    def __init__(self) -> None:
        self.tickets: dict[str, Ticket] = {}
        self.stock = Counter(STOCK)

    def run(self, batch: list[Pair]) -> None:
        """One transaction: load what the batch names, lock the stock it may need, fold, save."""
        keys = {key for key, _ in batch}
        shelves = Shelves({o: t for o, t in self.tickets.items() if o in keys})
        wanted = shelves.stock_needed(batch)
        shelves.put({place: Shelf(self.stock[place], 3) for place in wanted if place in self.stock})
        for key, event in batch:
            shelves.fold(key, event)
        self.tickets |= shelves.changed
        self.stock.update(shelves.stock_changes)


@given(histories())
def test_batches_keep_the_stock(history: list[list[Pair]]) -> None:
    """However events fall into batches: shelves and tickets hold what there was, and no shelf is negative."""
    memory = Memory()
    for batch in history:
        memory.run(batch)
        held = Counter(memory.stock)
        for ticket in memory.tickets.values():
            held.update({(ticket.restaurant_id, x.item_id): 0 for x in ticket.lines if ticket.held})
            for line in ticket.lines if ticket.held else ():
                held[ticket.restaurant_id, line.item_id] += line.quantity
        assert +held == Counter(STOCK)
        assert min(memory.stock.values()) >= 0


def test_last_dish_goes_once() -> None:
    """Two orders of one batch want the last dish: the first in the log has it."""
    shelves = Shelves({o: Ticket(State.ORDERED, "r1", (Line("rice", 1),)) for o in ("o1", "o2")})
    events: list[Pair] = [("o2", DeliveryAssigned()), ("o1", DeliveryAssigned())]
    assert shelves.stock_needed(events) == {("r1", "rice")}
    shelves.put({("r1", "rice"): Shelf(1, None)})
    said = {order_id: shelves.fold(order_id, event) for order_id, event in events}
    assert said == {"o2": [OrderAccepted()], "o1": [ItemsOutOfStock(("rice",))]}


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


def test_seed_file_has_every_kind_of_kitchen() -> None:
    """One kitchen without preparation time for load, several with some seconds, one that is manual."""
    kinds = {one.restaurant_id: one.preparation_seconds for one in seed.read(SEED_FILE)}
    assert kinds["bench-kitchen"] == 0
    assert sum(seconds in {2, 3, 4} for seconds in kinds.values()) >= 3
    assert list(kinds.values()).count(None) == 1
