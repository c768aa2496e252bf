"""A batch folded over the dispatcher's desk, in memory."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from delivery.desk import Desk, couriers_needed
from delivery.domain import Courier, Job, RetryDue, State
from delivery.events import (
    OfCourier,
    OfOrder,
    OrderCancelled,
    OrderDelivered,
    OrderPickedUp,
    PaymentCompleted,
    ShiftEnded,
    ShiftStarted,
)

Pair = tuple[str, OfOrder | OfCourier]

of_orders = st.sampled_from([PaymentCompleted(), OrderPickedUp("c1"), OrderDelivered(), OrderCancelled("customer")])
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

    def run(self, batch: Sequence[Pair]) -> Desk:
        """One transaction: load what the batch names, offer free couriers, fold, save."""
        keys = {key for key, _ in batch}
        mine = {c: v for c, v in self.couriers.items() if c in keys or v.order_id in keys}
        desk = Desk({o: job for o, job in self.jobs.items() if o in keys}, mine)
        free = sorted((c for c in self.couriers.values() if c.free), key=lambda c: c.courier_id)
        desk.offer(free[: couriers_needed(batch, desk.jobs)])
        for key, event in batch:
            if isinstance(event, OfCourier):
                desk.shift(key, event)
            else:
                desk.order(key, event)
        self.jobs |= desk.changed_jobs
        self.couriers |= desk.changed_couriers
        return desk


@given(batches)
def test_batches_keep_couriers_and_jobs_equal(history: list[list[Pair]]) -> None:
    """However events fall into batches, a job's courier carries that order, and no other courier carries any."""
    memory = Memory()
    for batch in history:
        memory.run(batch)
        assert {job.courier_id: o for o, job in memory.jobs.items() if job.courier_id} == {
            c.courier_id: c.order_id for c in memory.couriers.values() if c.order_id
        }


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
    desk = Desk({"o1": Job(State.PICKED_UP, "c1", 1)}, {"c1": Courier("c1", True, "o1")})
    desk.order("o1", OrderDelivered())
    desk.order("o2", PaymentCompleted())
    assert desk.changed_jobs == {"o1": Job(State.CLOSED, None, 1), "o2": Job(State.ASSIGNED, "c1", 1)}
    assert desk.couriers["c1"].order_id == "o2"


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
    jobs = {"o1": Job(State.ASSIGNED, "c1", 1), "o2": Job(State.CLOSED)}
    events: list[Pair] = [(o, PaymentCompleted()) for o in ("o1", "o2", "o3", "o3")]
    assert couriers_needed([*events, ("c9", ShiftStarted())], jobs) == 1


def test_poke_only_when_orders_wait() -> None:
    """A search is worth its cost only when somebody came free and somebody waits."""
    desk = Desk({"o1": Job(State.ASSIGNED, "c1", 1)}, {"c1": Courier("c1", True, "o1")}, orders_wait=False)
    desk.order("o1", OrderDelivered())
    assert not desk.may_serve_waiting
    desk.shift("c1", ShiftEnded())
    desk.order("o2", PaymentCompleted())
    assert desk.may_serve_waiting


def test_retry_takes_offered() -> None:
    """The search's step: a waiting order takes the courier that was locked for it."""
    desk = Desk({"o1": Job(State.SEARCHING)}, {})
    desk.offer([Courier("c1", True)])
    assert [fact.courier_id for fact in desk.order("o1", RetryDue())] == ["c1"]
    assert desk.taken == {"c1"}
