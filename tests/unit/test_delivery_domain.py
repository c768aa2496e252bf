"""The rules of delivery, under every sequence of facts that hypothesis can think of."""

from collections import Counter
from dataclasses import dataclass, field, replace

from hypothesis import given
from hypothesis import strategies as st

from delivery.domain import (
    Courier,
    CourierLeft,
    Input,
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
    OrderCancelled,
    OrderDelivered,
    OrderPickedUp,
    PaymentCompleted,
    ShiftEnded,
    ShiftStarted,
)

ORDERS = ("o1", "o2", "o3")
COURIERS = ("c1", "c2")

pick_ups = st.builds(OrderPickedUp, st.sampled_from(COURIERS))
facts = st.one_of(
    pick_ups,
    st.sampled_from(
        [PaymentCompleted(), OrderDelivered(), OrderCancelled("customer"), RetryDue(), CourierLeft()],
    ),
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
            if courier.courier_id == offered == after.courier_id:
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
    by_job = {(job.courier_id, order) for order, job in desk.jobs.items() if job.courier_id}
    assert by_job == {(c.courier_id, order) for c in desk.couriers.values() for order in c.orders}
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
def test_couriers_are_counted(history: list[tuple[str, object]]) -> None:
    """`n` counts the couriers of an order from 1: repeats and retries assign nobody twice."""
    desk = Desk().play(history)
    for order_id in ORDERS:
        numbers = [fact.n for key, fact in desk.emitted if key == order_id]
        assert numbers == list(range(1, len(numbers) + 1))
        assert len(numbers) <= 1 + history.count((order_id, CourierLeft()))


@given(histories)
def test_picked_up_order_keeps_its_courier(history: list[tuple[str, object]]) -> None:
    """Who has the food has the order until its end, whoever leaves."""
    desk = Desk()
    for key, event in history:
        before = desk.jobs.get(key, Job())
        desk.play([(key, event)])
        after = desk.jobs.get(key, Job())
        if before.state is State.PICKED_UP and after.state is not State.CLOSED:
            assert after == before


@given(histories)
def test_only_free_couriers_given(history: list[tuple[str, object]]) -> None:
    """Nobody off shift and nobody busy is given an order."""
    assert all(courier.free for courier in Desk().play(history).given)


@given(histories)
def test_repeated_event_changes_nothing(history: list[tuple[str, object]]) -> None:
    """The second guard beside the inbox: a fact read twice in a row leaves the same state, and says nothing new."""
    once, twice = Desk(), Desk()
    for key, event in history:
        if isinstance(event, RetryDue | CourierLeft):
            continue  # not facts of the log
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


def test_leaving_courier_is_replaced() -> None:
    """Before pick-up the next one takes over, counted on; with nobody free the order searches."""
    job = Job(State.ASSIGNED, "c1", 1)
    assert step(job, CourierLeft(), "c2") == (Job(State.ASSIGNED, "c2", 2), [DeliveryAssigned(2, "c2")])
    waiting, said = step(job, CourierLeft(), None)
    assert (waiting, said) == (Job(State.SEARCHING, None, 1), [])
    assert step(waiting, RetryDue(), "c1")[1] == [DeliveryAssigned(2, "c1")]


def test_pick_up_says_who_has_it() -> None:
    """The former courier was faster: the order is theirs, and the new one is let go."""
    couriers = {"c1": Courier("c1"), "c2": Courier("c2", True, ("o1",))}
    before = Job(State.ASSIGNED, "c2", 2)
    after, said = step(before, OrderPickedUp("c1"))
    assert (after, said) == (replace(before, state=State.PICKED_UP, courier_id="c1"), [])
    assert hand_over("o1", before, after, couriers) == [Courier("c2", True), Courier("c1", False, ("o1",))]
    assert step(Job(State.SEARCHING, None, 1), OrderPickedUp("c1"))[0] == Job(State.PICKED_UP, "c1", 1)


def test_two_orders_in_hand() -> None:
    """Who picked up an order beside the assigned one is free when both have ended."""
    both = Courier("c1", True, ("o1", "o2"))
    (after,) = hand_over("o1", Job(State.PICKED_UP, "c1", 1), Job(State.CLOSED, None, 1), {"c1": both})
    assert (after.orders, after.free) == (("o2",), False)
    (last,) = hand_over("o2", Job(State.ASSIGNED, "c1", 1), Job(State.CLOSED, None, 1), {"c1": after})
    assert last.free


def test_courier_off_shift_stays_busy() -> None:
    """A shift that starts with an order still in hand makes nobody free before that order's end."""
    busy = shift(shift(Courier("c1", True, ("o1",)), ShiftEnded()), ShiftStarted())
    assert not busy.free
    (after,) = hand_over("o1", Job(State.PICKED_UP, "c1", 1), Job(State.CLOSED, None, 1), {"c1": busy})
    assert after.free


def test_no_courier_wanted_twice() -> None:
    """Couriers are locked only for a step that could take one."""
    assert wants_courier(Job(State.NONE), PaymentCompleted())
    assert not wants_courier(Job(State.SEARCHING), PaymentCompleted())
    assert not wants_courier(Job(State.CLOSED), PaymentCompleted())
    assert not wants_courier(Job(State.ASSIGNED, "c1", 1), RetryDue())
    assert not wants_courier(Job(State.PICKED_UP, "c1", 1), CourierLeft())
