"""The rules of delivery, under every sequence of facts that hypothesis can think of."""

from collections import Counter
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from delivery.domain import (
    Courier,
    Job,
    RetryDue,
    State,
    hand_over,
    shift,
    step,
    wants_courier,
)
from delivery.events import (
    DeliveryAssigned,
    OfOrder,
    OrderCancelled,
    OrderDelivered,
    OrderPickedUp,
    PaymentCompleted,
    ShiftEnded,
    ShiftStarted,
)

Input = OfOrder | RetryDue

ORDERS = ("o1", "o2", "o3")
COURIERS = ("c1", "c2")

facts = st.sampled_from(
    [PaymentCompleted(), OrderPickedUp("c1"), OrderDelivered(), OrderCancelled("customer"), RetryDue()],
)
shifts = st.sampled_from([ShiftStarted(), ShiftEnded()])
histories = st.lists(
    st.one_of(st.tuples(st.sampled_from(ORDERS), facts), st.tuples(st.sampled_from(COURIERS), shifts)), max_size=40
)


@dataclass
class Desk:
    """Couriers and jobs in memory, moved as the handler moves them."""

    jobs: dict[str, Job] = field(default_factory=dict)
    couriers: dict[str, Courier] = field(default_factory=lambda: {c: Courier(c) for c in COURIERS})
    emitted: list[tuple[str, DeliveryAssigned]] = field(default_factory=list)
    given: list[Courier] = field(default_factory=list)

    def order(self, order_id: str, event: Input) -> None:
        before = self.jobs.get(order_id, Job())
        free = sorted(c.courier_id for c in self.couriers.values() if c.free)
        offered = free[0] if free and wants_courier(before, event) else None
        after, facts = step(before, event, offered)
        for courier in hand_over(order_id, before, after, self.couriers):
            if courier.order_id:
                self.given.append(self.couriers[courier.courier_id])
            self.couriers[courier.courier_id] = courier
        self.jobs[order_id] = after
        self.emitted += [(order_id, fact) for fact in facts]

    def play(self, history: list[tuple[str, object]]) -> "Desk":
        for key, event in history:
            if isinstance(event, ShiftStarted | ShiftEnded):
                self.couriers[key] = shift(self.couriers[key], event)
            else:
                self.order(key, event)  # type: ignore[arg-type]
        return self


@given(histories)
def test_couriers_and_jobs_agree(history: list[tuple[str, object]]) -> None:
    """A courier is busy with an order exactly while its job names the courier: none is lost, none is shared."""
    desk = Desk().play(history)
    by_job = {job.courier_id: order for order, job in desk.jobs.items() if job.courier_id}
    assert by_job == {c.courier_id: c.order_id for c in desk.couriers.values() if c.order_id}
    assert all(
        (job.courier_id is not None) == (job.state in {State.ASSIGNED, State.PICKED_UP}) for job in desk.jobs.values()
    )


@given(histories, st.sampled_from(ORDERS), st.sampled_from([OrderDelivered(), OrderCancelled("no_courier")]), histories)
def test_closed_never_works_again(
    before: list[tuple[str, object]], order: str, end: Input, after: list[tuple[str, object]]
) -> None:
    """Whatever was read before or comes later, a closed order keeps no courier and emits nothing."""
    desk = Desk().play(before)
    desk.order(order, end)
    emitted = Counter(key for key, _ in desk.emitted)[order]
    desk.play(after)
    assert desk.jobs[order].state == State.CLOSED
    assert desk.jobs[order].courier_id is None
    assert Counter(key for key, _ in desk.emitted)[order] == emitted


@given(histories)
def test_one_assignment_an_order(history: list[tuple[str, object]]) -> None:
    """Repeats and retries do not assign twice: `n` stays 1 until there is a reason for another courier."""
    desk = Desk().play(history)
    assert all(count == 1 for count in Counter(key for key, _ in desk.emitted).values())
    assert all(fact.n == 1 for _, fact in desk.emitted)


@given(histories)
def test_only_free_couriers_given(history: list[tuple[str, object]]) -> None:
    """Nobody off shift and nobody busy is given an order."""
    assert all(courier.free for courier in Desk().play(history).given)


@given(histories)
def test_repeated_event_changes_nothing(history: list[tuple[str, object]]) -> None:
    """The second guard beside the inbox: a fact read twice in a row leaves the same state, and says nothing new."""
    once, twice = Desk(), Desk()
    for key, event in history:
        if isinstance(event, RetryDue):
            continue  # not a fact of the log
        once.play([(key, event)])
        twice.play([(key, event), (key, event)])
    assert once == twice


def test_searching_until_a_courier() -> None:
    """Without a free courier the order waits; a retry with one assigns it."""
    waiting, nothing = step(Job(), PaymentCompleted(), None)
    assert (waiting.state, nothing) == (State.SEARCHING, [])
    assert step(waiting, RetryDue(), None) == (waiting, [])
    assert step(waiting, RetryDue(), "c1") == (Job(State.ASSIGNED, "c1", 1), [DeliveryAssigned(1, "c1")])


def test_paid_after_cancelled_stays_closed() -> None:
    """`order_cancelled` of an order never seen is remembered, so the payment that was on its way finds it."""
    closed, _ = step(Job(), OrderCancelled("customer"), None)
    assert closed.state == State.CLOSED
    assert step(closed, PaymentCompleted(), "c1") == (closed, [])


def test_shift_end_keeps_order() -> None:
    """Who goes off shift brings the order in hand to its end, and is not free afterwards."""
    busy = shift(Courier("c1", on_shift=True, order_id="o1"), ShiftEnded())
    assert busy.order_id == "o1"
    after = hand_over("o1", Job(State.ASSIGNED, "c1", 1), Job(State.CLOSED, None, 1), {"c1": busy})
    assert [c.free for c in after] == [False]


def test_no_courier_wanted_twice() -> None:
    """Couriers are locked only for a step that could take one."""
    assert wants_courier(Job(State.NONE), PaymentCompleted())
    assert not wants_courier(Job(State.SEARCHING), PaymentCompleted())
    assert not wants_courier(Job(State.CLOSED), PaymentCompleted())
    assert not wants_courier(Job(State.ASSIGNED, "c1", 1), RetryDue())
