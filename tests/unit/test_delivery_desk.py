"""A batch folded over the dispatcher's desk, in memory."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from delivery.desk import Desk, Pair, Said
from delivery.domain import Courier, Job, RetryDue, State
from delivery.events import (
    DeliveryAssigned,
    OfCourier,
    OfOrder,
    OrderCancelled,
    OrderDelivered,
    OrderPickedUp,
    PaymentCompleted,
    ShiftEnded,
    ShiftStarted,
)

of_orders = st.sampled_from(
    [PaymentCompleted(), OrderPickedUp("c1"), OrderPickedUp("c3"), OrderDelivered(), OrderCancelled("customer")]
)
of_couriers = st.sampled_from([ShiftStarted(), ShiftEnded()])
pairs: st.SearchStrategy[Pair] = st.one_of(
    st.tuples(st.sampled_from(["o1", "o2", "o3", "o4"]), of_orders),
    st.tuples(st.sampled_from(["c1", "c2", "c3"]), of_couriers),
)
batches = st.lists(st.lists(pairs, min_size=1, max_size=8), max_size=8)


class Memory:
    """What the tables would hold."""

    def __init__(self) -> None:
        self.jobs: dict[str, Job] = {}
        self.couriers: dict[str, Courier] = {}
        self.said: Said = []

    def run(self, batch: Sequence[Pair]) -> Desk:
        """One transaction: load what the batch names, offer free couriers, fold, save."""
        keys = {key for key, _ in batch}
        jobs = {o: job for o, job in self.jobs.items() if o in keys or job.courier_id in keys}
        named = keys | {job.courier_id for o, job in jobs.items() if o in keys}
        desk = Desk(jobs, {c: v for c, v in self.couriers.items() if c in named})
        desk.put(self.couriers[c] for c in desk.strangers(batch) if c in self.couriers)
        free = sorted((c for c in self.couriers.values() if c.free), key=lambda c: c.courier_id)
        desk.offer(free[: desk.couriers_needed(batch)])
        for key, event in batch:
            self.said += desk.shift(key, event) if isinstance(event, OfCourier) else desk.order(key, event)
        self.jobs |= desk.changed_jobs
        self.couriers |= desk.changed_couriers
        return desk


@given(batches)
def test_batches_keep_couriers_and_jobs_equal(history: list[list[Pair]]) -> None:
    """However events fall into batches, a job's courier carries that order, and no other courier carries any."""
    memory = Memory()
    for batch in history:
        memory.run(batch)
        assert {(job.courier_id, o) for o, job in memory.jobs.items() if job.courier_id} == {
            (c.courier_id, o) for c in memory.couriers.values() for o in c.orders
        }


@given(batches)
def test_nobody_off_shift_is_assigned(history: list[list[Pair]]) -> None:
    """However events fall into batches, who ended the shift has at most what was picked up."""
    memory = Memory()
    for batch in history:
        memory.run(batch)
        assigned = {job.courier_id for job in memory.jobs.values() if job.state is State.ASSIGNED}
        assert all(memory.couriers[c].on_shift for c in assigned if c)


@given(batches)
def test_couriers_of_earlier_batches_have_rows(history: list[list[Pair]]) -> None:
    """Who was saved before is known to the desk that changes it: it is updated, never inserted twice."""
    memory = Memory()
    for batch in history:
        before = set(memory.couriers), set(memory.jobs)
        desk = memory.run(batch)
        assert desk.changed_couriers.keys() & before[0] <= desk.known_couriers
        assert desk.changed_jobs.keys() & before[1] <= desk.known_jobs


def test_freed_courier_goes_on_in_batch() -> None:
    """A courier who comes free by one event of a batch takes the order of the next."""
    desk = Desk({"o1": Job(State.PICKED_UP, "c1", 1)}, {"c1": Courier("c1", True, ("o1",))})
    desk.order("o1", OrderDelivered())
    desk.order("o2", PaymentCompleted())
    assert desk.changed_jobs == {"o1": Job(State.CLOSED, None, 1), "o2": Job(State.ASSIGNED, "c1", 1)}
    assert desk.couriers["c1"].orders == ("o2",)


def test_whole_life_in_one_batch() -> None:
    """Assigned, picked up and delivered between two commits: one closed job, one fact, a free courier."""
    desk = Desk({}, {})
    desk.offer([Courier("c1", True)])
    events: list[OfOrder] = [PaymentCompleted(), OrderPickedUp("c1"), OrderDelivered()]
    facts = [fact for event in events for fact in desk.order("o1", event)]
    assert (len(facts), desk.jobs["o1"].state, desk.couriers["c1"].free) == (1, State.CLOSED, True)


def test_shift_ended_in_batch_is_seen() -> None:
    """A courier locked as free who goes off shift earlier in the batch is given nothing."""
    desk = Desk({}, {})
    desk.offer([Courier("c1", True)])
    desk.shift("c1", ShiftEnded())
    desk.order("o1", PaymentCompleted())
    assert desk.jobs["o1"].state is State.SEARCHING


def test_needed_counts_only_unserved() -> None:
    """No courier is locked for orders that have one, are closed, or come twice."""
    desk = Desk({"o1": Job(State.ASSIGNED, "c1", 1), "o2": Job(State.CLOSED)}, {})
    events: list[Pair] = [(o, PaymentCompleted()) for o in ("o1", "o2", "o3", "o3")]
    assert desk.couriers_needed([*events, ("c9", ShiftStarted())]) == 1


def test_needed_counts_who_leaves() -> None:
    """An order that loses its courier needs one, and one more in case that the first offered is who leaves."""
    jobs = {"o1": Job(State.ASSIGNED, "c1", 1), "o2": Job(State.PICKED_UP, "c2", 1)}
    desk = Desk(jobs, {"c1": Courier("c1", True, ("o1",)), "c2": Courier("c2", True, ("o2",))})
    assert desk.couriers_needed([("c1", ShiftEnded())]) == 2
    assert desk.couriers_needed([("c2", ShiftEnded())]) == 0


def test_replaced_at_once() -> None:
    """A shift's end gives the order to the next who is free, counted on, and never back to who leaves."""
    desk = Desk({"o1": Job(State.ASSIGNED, "c1", 1)}, {"c1": Courier("c1", True, ("o1",))})
    desk.offer([Courier("c1", True), Courier("c2", True)])
    assert desk.shift("c1", ShiftEnded()) == [("o1", DeliveryAssigned(2, "c2"))]
    assert (desk.couriers["c1"], desk.couriers["c2"]) == (Courier("c1"), Courier("c2", True, ("o1",)))


def test_two_leave_in_one_batch() -> None:
    """The order goes from who leaves to who leaves next, and on to who stays."""
    jobs = {"o1": Job(State.ASSIGNED, "c1", 1), "o2": Job(State.ASSIGNED, "c2", 1)}
    desk = Desk(jobs, {c: Courier(c, True, (o,)) for c, o in (("c1", "o1"), ("c2", "o2"))})
    desk.offer([Courier("c3", True)])
    desk.shift("c1", ShiftEnded())
    desk.shift("c2", ShiftEnded())
    assert desk.changed_jobs == {"o1": Job(State.ASSIGNED, "c3", 2), "o2": Job(State.SEARCHING, None, 1)}


def test_shift_ended_and_started_again() -> None:
    """Who comes back in the same batch is free, and the order that searches now is worth a look at once."""
    desk = Desk({"o1": Job(State.ASSIGNED, "c1", 1)}, {"c1": Courier("c1", True, ("o1",))}, orders_wait=False)
    desk.shift("c1", ShiftEnded())
    assert not desk.may_serve_waiting
    desk.shift("c1", ShiftStarted())
    assert (desk.jobs["o1"].state, desk.couriers["c1"].free, desk.may_serve_waiting) == (State.SEARCHING, True, True)


def test_late_pick_up_frees_the_other() -> None:
    """The former courier picked up: the one assigned meanwhile is let go, and serves who waits."""
    desk = Desk({"o1": Job(State.ASSIGNED, "c2", 2)}, {"c2": Courier("c2", True, ("o1",))})
    assert desk.strangers([("o1", OrderPickedUp("c1"))]) == ["c1"]
    desk.put([Courier("c1")])
    assert desk.order("o1", OrderPickedUp("c1")) == []
    assert (desk.couriers["c1"].orders, desk.couriers["c2"].free) == (("o1",), True)
    assert desk.may_serve_waiting


def test_overtaken_by_an_assignment() -> None:
    """A courier who leaves with an order that is not on the desk: the batch must look again."""
    desk = Desk({}, {"c1": Courier("c1", True, ("o1",))})
    assert desk.overtaken([("c1", ShiftEnded())]) == "c1"
    assert desk.overtaken([("c1", ShiftStarted())]) is None


def test_poke_only_when_orders_wait() -> None:
    """A search is worth its cost only when somebody came free and somebody waits."""
    desk = Desk({"o1": Job(State.ASSIGNED, "c1", 1)}, {"c1": Courier("c1", True, ("o1",))}, orders_wait=False)
    desk.order("o1", OrderDelivered())
    assert not desk.may_serve_waiting
    desk.shift("c1", ShiftEnded())
    desk.order("o2", PaymentCompleted())
    assert desk.may_serve_waiting


def test_retry_takes_offered() -> None:
    """The search's step: a waiting order takes the courier that was locked for it."""
    desk = Desk({"o1": Job(State.SEARCHING)}, {})
    desk.offer([Courier("c1", True)])
    assert desk.order("o1", RetryDue()) == [("o1", DeliveryAssigned(1, "c1"))]
    assert desk.taken == {"c1"}
