"""The order aggregate's rules, one at a time and under random histories."""

from dataclasses import dataclass, field

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api import domain, events
from api.domain import (
    Cancel,
    Code,
    Deliver,
    Line,
    MarkReady,
    Order,
    Paid,
    PickUp,
    Place,
    Refused,
    ReportOutOfStock,
    Restaurant,
    RetryPayment,
    Status,
    advance,
    check_request,
    decide,
    evolve,
    replay,
    settled,
    waiting_for,
)
from api.order import Cancellation

RESTAURANT = Restaurant(
    "r-1", "Soba", "EUR", (events.MenuItem("soba", "Soba", 900), events.MenuItem("tea", "Tea", 250))
)
WISH = Place("c-1", RESTAURANT, (Line("soba", 2), Line("tea", 1)), "pm_card_visa")
FOREIGN: tuple[events.Fact, ...] = (
    events.PaymentCompleted(1),
    events.PaymentCompleted(2),
    events.PaymentFailed(1, "card_declined"),
    events.PaymentFailed(2, "expired_card"),
    events.PaymentRefunded(2050, "EUR"),
    events.PaymentReleased(),
    events.RefundFailed("expired"),
    events.DeliveryAssigned(1, "k-1"),
    events.DeliveryAssigned(2, "k-2"),
    events.OrderAccepted(),
    events.ItemsOutOfStock((events.Missing("soba", 0),)),
    events.OrderReady(),
)
COMMANDS = (
    Cancel("c-1"),
    RetryPayment("c-1", "pm_other"),
    MarkReady("r-1"),
    ReportOutOfStock("r-1", ("tea",)),
    PickUp("k-1"),
    PickUp("k-2"),
    Deliver("k-1"),
    Deliver("k-2"),
)
WAY = (
    events.PaymentCompleted(1),
    events.DeliveryAssigned(1, "k-1"),
    events.OrderAccepted(),
    events.OrderReady(),
    events.OrderPickedUp("k-1"),
    events.OrderDelivered(),
)
TERMINAL = {Status.DELIVERED, Status.CANCELLED}


def order_at(status: Status) -> Order:
    """An order that went its way up to this status."""
    order = replay("o-1", decide(Order("o-1"), WISH))
    for fact in WAY:
        if order.status is status:
            break
        order = evolve(order, fact)
    assert order.status is status
    return order


@dataclass
class History:
    """An order with all that happened to it: what was recorded, what api itself emitted, every version's document."""

    order: Order = field(default_factory=lambda: Order("o-1"))
    recorded: list[events.Fact] = field(default_factory=list)
    emitted: list[events.Fact] = field(default_factory=list)
    versions: list[Order] = field(default_factory=list)

    def fold(self, facts: list[events.Fact]) -> None:
        for fact, order in advance(self.order, facts):
            self.recorded.append(fact)
            self.versions.append(order)
            self.order = order

    def take(self, given_: domain.Command | events.Fact) -> None:
        """What the mutations and the projector do: fold a foreign fact, then decide, then fold the answer."""
        if not isinstance(given_, domain.Command):
            self.fold([given_])
        try:
            facts = decide(self.order, given_)
        except Refused:
            return
        self.emitted += facts
        self.fold(facts)


@st.composite
def histories(draw: st.DrawFn) -> History:
    """A placed order, then anything in any order: facts repeated, late and early, commands, deadlines old and new."""
    history = History()
    history.take(WISH)
    for _ in range(draw(st.integers(0, 30))):
        since = draw(st.sampled_from([history.order.since, history.order.since - 1]))
        way = [fact for fact in WAY[:4] if evolve(history.order, fact) is not history.order]
        history.take(draw(st.sampled_from([*FOREIGN, *COMMANDS, *way, *way, events.DeadlinePassed(since)])))
    return history


@given(histories())
def test_versions_have_no_gap(history: History) -> None:
    """Every change is one version, from 1."""
    assert [order.version for order in history.versions] == list(range(1, len(history.versions) + 1))


@given(histories())
def test_terminal_status_stays(history: History) -> None:
    """Once delivered or cancelled, always that."""
    ends = [order.status for order in history.versions if order.status in TERMINAL]
    assert len(set(ends)) <= 1
    assert history.order.status in TERMINAL or not ends


@given(histories())
def test_one_end_is_emitted(history: History) -> None:
    """`order_cancelled` and `order_delivered` together happen at most once, and exactly once when the order ended."""
    ends = [f for f in history.emitted if isinstance(f, events.OrderCancelled | events.OrderDelivered)]
    assert len(ends) == (history.order.status in TERMINAL)


@given(histories(), st.sampled_from([*FOREIGN, events.DeadlinePassed(1)]))
def test_settled_order_is_final(history: History, late: events.Fact) -> None:
    """A late fact on a settled order leaves no version and asks for nothing."""
    if settled(history.order):
        assert evolve(history.order, late) is history.order
        assert decide(history.order, late) == []


@given(histories(), st.sampled_from(FOREIGN))
def test_folding_twice_changes_nothing(history: History, fact: events.Fact) -> None:
    """The same fact again, right behind itself, makes no version."""
    once = evolve(history.order, fact)
    assert evolve(once, fact) is once


@given(histories())
def test_replay_gives_the_document(history: History) -> None:
    """The fold of the recorded facts is the stored document, byte for byte, also through their JSON."""
    read = [msgspec.json.decode(msgspec.json.encode(fact), type=type(fact)) for fact in history.recorded]
    assert msgspec.json.encode(replay("o-1", read)) == msgspec.json.encode(history.order)


@given(histories())
def test_document_reads_back(history: History) -> None:
    """The document holds the whole order."""
    assert msgspec.json.decode(msgspec.json.encode(history.order), type=Order) == history.order


@given(histories())
def test_every_open_order_can_end(history: History) -> None:
    """No order can hang: an open one waits for something that has an allowance, and its deadline ends it."""
    order = history.order
    reason = waiting_for(order)
    assert (reason is None) == (order.status in TERMINAL)
    if reason:
        assert reason in domain.ALLOWANCES
        assert decide(order, events.DeadlinePassed(order.since)) == [events.OrderCancelled(reason)]


@given(histories())
def test_since_names_the_wait(history: History) -> None:
    """`since` moves exactly when what is waited for changes."""
    before = Order("o-1")
    for order in history.versions:
        changed = waiting_for(order) is not waiting_for(before)
        assert order.since == (order.version if changed else before.since)
        before = order


@given(histories(), st.integers(0, 40))
def test_old_deadline_is_ignored(history: History, since: int) -> None:
    """A deadline of another wait decides nothing."""
    if since != history.order.since:
        assert decide(history.order, events.DeadlinePassed(since)) == []


STRANGERS = (
    Cancel("c-2"),
    RetryPayment("c-2", "pm_other"),
    MarkReady("r-2"),
    ReportOutOfStock("r-2", ("tea",)),
    PickUp("k-9"),
    Deliver("k-9"),
)


@given(histories(), st.sampled_from(STRANGERS))
def test_strangers_are_refused(history: History, command: domain.Command) -> None:
    """Nobody acts on another's order, whatever its status."""
    with pytest.raises(Refused) as refusal:
        decide(history.order, command)
    assert refusal.value.code in {Code.ORDER_NOT_FOUND, Code.NOT_YOURS}


def test_good_way_is_delivered() -> None:
    """Six facts after placing: delivered at version 7."""
    order = order_at(Status.DELIVERED)
    assert (order.version, order.payment.status, order.courier_id) == (7, Paid.COMPLETED, "k-1")


def test_price_is_the_menus() -> None:
    """The price comes from the menu, the total from the lines."""
    order = order_at(Status.PLACED)
    assert (order.total, order.currency) == (2050, "EUR")
    assert order.items[0] == events.Item("soba", "Soba", 2, 900)


def test_document_holds_no_payment_method() -> None:
    """The single-use token goes to payment, and stays out of the document."""
    assert b"pm_card_visa" not in msgspec.json.encode(order_at(Status.PLACED))


@pytest.mark.parametrize(
    ("restaurant", "lines", "code", "where"),
    [
        (None, (Line("soba", 1),), Code.RESTAURANT_NOT_FOUND, "input.restaurantId"),
        (RESTAURANT, (Line("soba", 1), Line("udon", 1)), Code.ITEM_NOT_FOUND, "input.items.1.itemId"),
    ],
)
def test_unknown_goods_are_refused(
    restaurant: Restaurant | None, lines: tuple[Line, ...], code: Code, where: str
) -> None:
    """What api does not know cannot be ordered; the refusal names the field."""
    with pytest.raises(Refused) as refusal:
        decide(Order("o-1"), Place("c-1", restaurant, lines, "pm"))
    assert (refusal.value.code, refusal.value.field) == (code, where)


def test_total_fits_an_int() -> None:
    """A total beyond GraphQL's Int is refused, not cut."""
    dear = Restaurant("r-1", "Dear", "EUR", (events.MenuItem("x", "X", 2**31 - 1),))
    with pytest.raises(Refused) as refusal:
        decide(Order("o-1"), Place("c-1", dear, (Line("x", 2),), "pm"))
    assert refusal.value.code is Code.INVALID_INPUT


LINES = (Line("soba", 1),)


@pytest.mark.parametrize(
    ("key", "lines", "method", "where"),
    [
        ("short", LINES, "pm", "input.idempotencyKey"),
        ("k" * 65, LINES, "pm", "input.idempotencyKey"),
        ("k" * 8, (), "pm", "input.items"),
        ("k" * 8, tuple(Line(str(n), 1) for n in range(21)), "pm", "input.items"),
        ("k" * 8, (Line("soba", 0),), "pm", "input.items.0.quantity"),
        ("k" * 8, (Line("soba", 51),), "pm", "input.items.0.quantity"),
        ("k" * 8, (Line("soba", 1), Line("soba", 2)), "pm", "input.items.1.itemId"),
        ("k" * 8, LINES, "", "input.paymentMethod"),
        ("k" * 8, LINES, "pm\n", "input.paymentMethod"),
        ("k" * 7 + "\0", LINES, "pm", "input.idempotencyKey"),
    ],
)
def test_wrong_request_is_refused(key: str, lines: tuple[Line, ...], method: str, where: str) -> None:
    """The limits of the schema, each with the field at fault."""
    with pytest.raises(Refused) as refusal:
        check_request(key, "r-1", lines, method)
    assert (refusal.value.code, refusal.value.field) == (Code.INVALID_INPUT, where)


def test_right_request_passes() -> None:
    """The bounds themselves are allowed."""
    check_request("k" * 8, "r-1", tuple(Line(str(n), 50) for n in range(20)), "pm_card_visa")


@pytest.mark.parametrize("status", [s for s in Status if s in domain.OPEN and s is not Status.PICKED_UP])
def test_cancel_works_until_pickup(status: Status) -> None:
    """The customer may cancel; what was captured is then to be refunded."""
    order = order_at(status)
    (fact,) = decide(order, Cancel("c-1"))
    after = evolve(order, fact)
    assert after.cancellation == Cancellation("CUSTOMER")
    assert after.payment.status is (Paid.PENDING if status is Status.PLACED else Paid.REFUNDING)


@pytest.mark.parametrize("status", [Status.PICKED_UP, Status.DELIVERED])
def test_cancel_is_late_after_pickup(status: Status) -> None:
    """The loser of cancel against pick-up is told why."""
    with pytest.raises(Refused) as refusal:
        decide(order_at(status), Cancel("c-1"))
    assert refusal.value.code is Code.TOO_LATE


@pytest.mark.parametrize(
    ("status", "command", "code"),
    [
        (Status.PLACED, MarkReady("r-1"), Code.NOT_YET),
        (Status.READY, MarkReady("r-1"), Code.TOO_LATE),
        (Status.ACCEPTED, PickUp("k-1"), Code.NOT_YET),
        (Status.PICKED_UP, PickUp("k-1"), Code.TOO_LATE),
        (Status.READY, Deliver("k-1"), Code.NOT_YET),
        (Status.DELIVERED, Deliver("k-1"), Code.TOO_LATE),
        (Status.PAID, PickUp("k-1"), Code.NOT_YOURS),
    ],
)
def test_wrong_moment_is_told(status: Status, command: domain.Command, code: Code) -> None:
    """Too early and too late are told apart."""
    with pytest.raises(Refused) as refusal:
        decide(order_at(status), command)
    assert refusal.value.code is code


@pytest.mark.parametrize("status", [Status.PAID, Status.COURIER_ASSIGNED])
def test_out_of_stock_cancels(status: Status) -> None:
    """The restaurant's fact leaves no version of its own; the aggregate's answer does."""
    order = order_at(status)
    fact = events.ItemsOutOfStock((events.Missing("soba", 0),))
    assert evolve(order, fact) is order
    assert decide(order, fact) == [events.OrderCancelled(events.Reason.OUT_OF_STOCK)]


def test_declined_card_tells_why() -> None:
    """FAILED carries the provider's reason, and the wait is now for another card."""
    order = evolve(order_at(Status.PLACED), events.PaymentFailed(1, "card_declined"))
    assert (order.payment.failure, order.since) == ("card_declined", 2)
    assert waiting_for(order) is events.Reason.PAYMENT_FAILED


def test_capture_behind_cancel_is_refunding() -> None:
    """Money that came in while the order was being cancelled is on its way back."""
    order = evolve(order_at(Status.PLACED), events.OrderCancelled(events.Reason.CUSTOMER))
    order = evolve(order, events.PaymentCompleted(1))
    assert (order.status, order.payment.status) == (Status.CANCELLED, Paid.REFUNDING)
    assert settled(evolve(order, events.PaymentRefunded(2050, "EUR")))


def test_names_on_the_wire_are_unique() -> None:
    """A type means one class, read or written."""
    both = {name for name in events.READS if name in events.WRITES}
    assert all(events.READS[name] is events.WRITES[name] for name in both)
    assert len(events.TYPES) == len(set(events.TYPES.values()))
