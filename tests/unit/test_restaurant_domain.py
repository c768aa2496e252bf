"""The rules of the kitchen, under every sequence of facts that hypothesis can think of."""

from collections import Counter
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restaurant.domain import (
    Kitchen,
    PreparationOver,
    State,
    Ticket,
    UnknownOrderError,
    needs_kitchen,
    step,
    stock_change,
)
from restaurant.events import (
    DeliveryAssigned,
    ItemsOutOfStock,
    Line,
    Missing,
    OfOrder,
    OrderAccepted,
    OrderCancelled,
    OrderCreated,
    OrderDelivered,
    OrderReady,
    Outgoing,
)

Input = OfOrder | PreparationOver
Fact = Outgoing

ORDERS = ("o1", "o2", "o3")
UNHEARD = DeliveryAssigned | ItemsOutOfStock  # of an order that was not created
STOCK = {"soup": 3, "rice": 2, "tea": 0}

lines = st.lists(st.builds(Line, st.sampled_from([*STOCK, "gone"]), st.integers(1, 3)), min_size=1, max_size=3)
creations = st.builds(OrderCreated, st.just("r1"), lines.map(tuple))
later = st.one_of(
    st.sampled_from([DeliveryAssigned(), OrderReady(), PreparationOver(), OrderDelivered()]),
    st.sampled_from(
        [
            OrderCancelled("customer"),
            ItemsOutOfStock((Missing("soup", 0),)),
            ItemsOutOfStock((Missing("rice", 0), Missing("soup", 0))),
        ]
    ),
)
histories = st.tuples(
    st.sampled_from([None, 0, 3]),
    st.lists(st.tuples(st.sampled_from(ORDERS), st.one_of(creations, later)), max_size=40),
)
History = tuple[int | None, list[tuple[str, Input]]]


@dataclass
class House:
    """One restaurant in memory, moved as the handler moves it."""

    preparation_seconds: int | None = None
    stock: dict[str, int] = field(default_factory=lambda: dict(STOCK))
    tickets: dict[str, Ticket] = field(default_factory=dict)
    emitted: list[tuple[str, Fact]] = field(default_factory=list)
    gone: Counter[str] = field(default_factory=Counter)  # what the kitchen did not give back
    lowest: int = 0

    def fold(self, order_id: str, event: Input) -> None:
        before = self.tickets.get(order_id, Ticket())
        kitchen = Kitchen(self.stock, self.preparation_seconds) if needs_kitchen(before, event) else Kitchen()
        after, facts = step(before, event, kitchen)
        for item, change in stock_change(before, after, event).items():
            self.stock[item] += change
        if isinstance(event, ItemsOutOfStock) and before.state is State.COOKING:
            gone = {missing.item_id for missing in event.items}
            self.gone.update({line.item_id: line.quantity for line in before.lines if line.item_id in gone})
        self.lowest = min(self.lowest, *self.stock.values())
        self.tickets[order_id] = after
        self.emitted += [(order_id, fact) for fact in facts]

    def play(self, history: list[tuple[str, Input]]) -> "House":
        for order_id, event in history:
            state = self.tickets.get(order_id, Ticket()).state
            if not (state == State.NONE and isinstance(event, UNHEARD)):  # the log never says that
                self.fold(order_id, event)
        return self

    def said(self, order_id: str) -> Counter[type[Fact]]:
        return Counter(type(fact) for key, fact in self.emitted if key == order_id)


@given(histories)
def test_stock_is_never_lost(history: History) -> None:
    """What is on the shelves, in tickets and never was there is what there was; no shelf goes below nothing."""
    house = House(history[0]).play(history[1])
    total = Counter(house.stock)
    total.update(house.gone)
    for ticket in house.tickets.values():
        if ticket.held:
            total.update({line.item_id: 0 for line in ticket.lines})
            for line in ticket.lines:
                total[line.item_id] += line.quantity
    assert {item: total[item] for item in STOCK} == STOCK
    assert house.lowest == 0


@given(histories)
def test_cancel_gives_back_until_ready(history: History) -> None:
    """After a cancellation a ticket holds stock only if its dish was ready, or had been delivered."""
    house = House(history[0])
    for order_id, event in history[1]:
        before = house.tickets.get(order_id, Ticket())
        house.play([(order_id, event)])
        if isinstance(event, OrderCancelled):
            assert house.tickets[order_id].held == (before.held and before.state in {State.READY, State.CLOSED})


@given(histories, st.sampled_from(ORDERS), st.sampled_from([OrderDelivered(), OrderCancelled("customer")]), histories)
def test_closed_never_works_again(before: History, order: str, end: Input, after: History) -> None:
    """Whatever was read before or comes later, a closed ticket takes no stock and emits nothing."""
    house = House(before[0]).play(before[1])
    house.fold(order, end)
    closed, said = house.tickets[order], house.said(order)
    house.play(after[1])
    assert closed.state == State.CLOSED
    assert (house.tickets[order], house.said(order)) == (closed, said)


@given(histories)
def test_each_fact_once(history: History) -> None:
    """One verdict an order, and ready at most once, whatever is repeated."""
    house = House(history[0]).play(history[1])
    for order_id in ORDERS:
        said = house.said(order_id)
        assert said[OrderAccepted] + said[ItemsOutOfStock] <= 1
        assert said[OrderReady] <= said[OrderAccepted]


@given(histories)
def test_repeated_event_changes_nothing(history: History) -> None:
    """The second guard beside the inbox: a fact read twice in a row leaves the same state, and says nothing new."""
    once = House(history[0]).play(history[1])
    twice = House(history[0]).play([pair for pair in history[1] for _ in range(2)])
    assert once == twice


def ordered(*lines: Line) -> Ticket:
    """A ticket that waits for its courier."""
    return step(Ticket(), OrderCreated("r1", lines), Kitchen())[0]


def test_any_missing_dish_ends_it() -> None:
    """All lines or none: the missing dishes are named, nothing is taken."""
    before = ordered(Line("soup", 1), Line("tea", 1), Line("gone", 1))
    after, facts = step(before, DeliveryAssigned(), Kitchen(STOCK, 3))
    assert facts == [ItemsOutOfStock((Missing("gone", 0), Missing("tea", 0)))]
    assert (after.state, stock_change(before, after, DeliveryAssigned())) == (State.CLOSED, {})


def test_same_dish_on_two_lines() -> None:
    """Lines of one dish count together."""
    before = ordered(Line("rice", 1), Line("rice", 2))
    assert step(before, DeliveryAssigned(), Kitchen(STOCK, 3))[1] == [ItemsOutOfStock((Missing("rice", 2),))]


def test_zero_seconds_ready_at_once() -> None:
    """An automatic kitchen that needs no time says accepted and ready in one step, without a timer."""
    after, facts = step(ordered(Line("soup", 1)), DeliveryAssigned(), Kitchen(STOCK, 0))
    assert (after.state, after.ready_in, facts) == (State.READY, None, [OrderAccepted(), OrderReady()])


def test_kitchens_that_need_time() -> None:
    """Automatic kitchens cook for their seconds; manual ones until somebody says so."""
    for seconds in (3, None):
        after, facts = step(ordered(Line("soup", 1)), DeliveryAssigned(), Kitchen(STOCK, seconds))
        assert (after.state, after.ready_in, facts) == (State.COOKING, seconds, [OrderAccepted()])


def test_second_courier_reserves_nothing() -> None:
    """Only the first assignment reserves."""
    cooking, _ = step(ordered(Line("soup", 1)), DeliveryAssigned(), Kitchen(STOCK, 3))
    assert step(cooking, DeliveryAssigned(), Kitchen(STOCK, 3)) == (cooking, [])


@pytest.mark.parametrize("event", [DeliveryAssigned(), ItemsOutOfStock((Missing("soup", 0),))])
def test_order_unheard_of_is_refused(event: OfOrder) -> None:
    """The log has causes before effects: such a fact without an order is a fault of the event."""
    with pytest.raises(UnknownOrderError):
        step(Ticket(), event, Kitchen())


def test_report_ends_the_cooking() -> None:
    """What the kitchen has not got is not given back, the other dishes are, at once: the order's end comes with it."""
    cooking, _ = step(ordered(Line("soup", 1), Line("rice", 2)), DeliveryAssigned(), Kitchen(STOCK, 3))
    report = ItemsOutOfStock((Missing("soup", 0),))
    closed, said = step(cooking, report, Kitchen(STOCK))
    assert (closed.state, closed.held, said) == (State.CLOSED, False, [])
    assert stock_change(cooking, closed, report) == {"rice": 2}
    assert step(closed, OrderCancelled("out_of_stock"), Kitchen(STOCK)) == (closed, [])


def test_report_before_reservation() -> None:
    """Nothing was taken, nothing is given back, and a courier on the way finds a closed ticket."""
    before, report = ordered(Line("soup", 1)), ItemsOutOfStock((Missing("soup", 0),))
    closed, _ = step(before, report, Kitchen())
    assert (closed.state, stock_change(before, closed, report)) == (State.CLOSED, {})
    assert step(closed, DeliveryAssigned(), Kitchen(STOCK, 3)) == (closed, [])


def test_report_after_the_timer() -> None:
    """The kitchen's word came after the preparation time was over: the dish is used, nothing comes back."""
    ready = Ticket(State.READY, "r1", (Line("soup", 1),), held=True)
    closed, _ = step(ready, ItemsOutOfStock((Missing("soup", 0),)), Kitchen())
    assert (closed.state, closed.held) == (State.CLOSED, True)


def test_cancelled_before_created_stays_closed() -> None:
    """A CLOSED ticket is kept for an order never seen, and an order created late finds it."""
    closed, _ = step(Ticket(), OrderCancelled("customer"), Kitchen())
    assert step(closed, OrderCreated("r1", (Line("soup", 1),)), Kitchen()) == (closed, [])
    assert ordered(Line("soup", 1)).state == State.ORDERED
