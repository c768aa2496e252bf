"""Payment rows on a real Postgres: who holds the lease may answer, and each fact is emitted once."""

from collections.abc import Callable, Iterator
from uuid import uuid4

import psycopg
import pytest

from chassis.batch import Batch
from chassis.database import Database
from chassis.errors import Poison, Transient
from payment import handlers, store
from payment.calls import Calls
from payment.circuit import Circuit
from payment.domain import (
    Created,
    Succeeded,
)
from payment.events import OrderCreated, PaymentRetryRequested
from payment.store import Job
from tests.support.payment_desk import CANCELLED, CREATED, Desk, FakeProvider, received


@pytest.fixture
def desk(service_database: Callable[..., str]) -> Iterator[Desk]:
    """A new order in an empty database."""
    database = Database(service_database("payment"), "payment-test", size=2)
    yield Desk(database, FakeProvider(), str(uuid4()))
    database.close()


def test_order_is_paid_without_a_scan(desk: Desk) -> None:
    """Fold, create, confirm: each hands the next job over itself."""
    desk.work(desk.read(CREATED))
    assert (desk.emitted(), len(desk.provider.captures), desk.scan()) == (["payment_completed"], 1, [])


@pytest.mark.parametrize("key", ["注文-1", "nobody", str(uuid4()).upper()])
def test_key_of_no_order_is_poison(desk: Desk, key: str) -> None:
    """It would go out to the provider, which is asked about orders only."""
    with pytest.raises(Poison):
        desk.read(CREATED, order=key)


def test_fact_carries_the_trace(desk: Desk) -> None:
    """What a worker says belongs to the trace of the event that set it off."""
    desk.work(desk.read(CREATED))
    assert desk.sql("SELECT traceparent, payload FROM outbox") == [("trace", '{"attempt":1}')]


def test_declined_order_waits(desk: Desk) -> None:
    """A decline is told once, and nothing is asked again."""
    desk.work(desk.read(OrderCreated(1250, "EUR", "pm_card_chargeDeclined")))
    desk.lease_runs_out()
    assert (desk.emitted(), desk.scan()) == (["payment_failed"], [])


def test_retry_pays_with_the_other_card(desk: Desk) -> None:
    """The row remembers both tokens, the one intent is paid by the second, and what comes late starts nothing."""
    retry = PaymentRetryRequested(2, "pm_card_amex")
    desk.work(desk.read(OrderCreated(1250, "EUR", "pm_card_chargeDeclined")))
    desk.work(desk.read(retry))
    assert desk.read(retry, PaymentRetryRequested(3, "pm_card_visa")) == []
    assert (desk.emitted(), len(desk.provider.captures)) == (["payment_failed", "payment_completed"], 1)
    assert desk.sql("SELECT wanted, card, earlier FROM payment") == [(2, "pm_card_amex", ["pm_card_chargeDeclined"])]


def test_retry_overtakes_a_late_decline(desk: Desk) -> None:
    """A no to the first card, given under the lease that the retry took, is dropped; the second card is asked."""
    (creating,) = desk.read(OrderCreated(1250, "EUR", "pm_card_chargeDeclined"))
    (confirming,) = desk.answer(creating, desk.calls.perform(creating))
    late = desk.calls.perform(confirming)
    (again,) = desk.read(PaymentRetryRequested(2, "pm_card_visa"))
    assert desk.answer(confirming, late) == []
    desk.work([again])
    assert desk.emitted() == ["payment_completed"]


def test_leased_row_is_not_taken(desk: Desk) -> None:
    """The scan leaves what a worker was just given."""
    desk.read(CREATED)
    assert desk.scan() == []


def test_row_of_dead_worker_comes_due(desk: Desk) -> None:
    """A process that died after the commit is replaced by whoever scans, under a new lease."""
    (job,) = desk.read(CREATED)
    desk.lease_runs_out()
    (again,) = desk.scan()
    assert (again.call, again.row.lease, again.row.tries) == (job.call, job.row.lease + 1, 2)


def zombie_answers(desk: Desk) -> list[str]:
    """A worker freezes while it confirms; another takes its row and pays it; then the first wakes up."""
    (creating,) = desk.read(CREATED)
    (frozen,) = desk.answer(creating, desk.calls.perform(creating))
    late = desk.calls.perform(frozen)
    desk.lease_runs_out()
    desk.work(desk.scan())
    desk.answer(frozen, late)
    return desk.emitted()


def test_late_answer_emits_nothing(desk: Desk) -> None:
    """The lease is somebody else's: the answer is dropped, the fact stands once."""
    assert zombie_answers(desk) == ["payment_completed"]


def test_without_lease_check_fact_is_emitted_twice(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: the same story with the check taken out of the statement."""
    unchecked = store.SETTLE.replace("AND lease = %(lease)s", "AND %(lease)s IS NOT NULL")
    monkeypatch.setattr(store, "SETTLE", unchecked)
    assert zombie_answers(desk) == ["payment_completed", "payment_completed"]


@pytest.mark.parametrize("step", ["create", "confirm", "cancel", "refund"])
def test_crash_between_answer_and_commit(desk: Desk, step: str) -> None:
    """Whatever the provider did before we died, the next try finds out, and each fact is told once."""
    jobs = list(desk.read(CREATED))
    if step == "create":
        desk.calls.perform(jobs[0])
    else:
        jobs = list(desk.answer(jobs[0], desk.calls.perform(jobs[0])))
    if step == "confirm":
        desk.calls.perform(jobs[0])
    if step == "refund":
        desk.answer(jobs[0], desk.calls.perform(jobs[0]))
    if step in ("cancel", "refund"):
        desk.calls.perform(desk.read(CANCELLED)[0])
    desk.lease_runs_out()
    desk.work(desk.scan())
    told = {
        "create": ["payment_completed"],
        "confirm": ["payment_completed"],
        "cancel": ["payment_released"],
        "refund": ["payment_completed", "payment_refunded"],
    }
    assert (desk.emitted(), len(desk.provider.captures) <= 1) == (told[step], True)


def test_lost_answer_backs_off(desk: Desk) -> None:
    """A dead line leaves the row leased, due again a moment later, and the fact told once."""
    desk.provider.deaf = 1
    (job,) = desk.read(CREATED)
    with pytest.raises(Transient, match="the line is dead"):
        desk.calls.perform(job)
    soon = "due_at > now() AND due_at <= now() + interval '250 ms'"
    assert desk.sql(f"SELECT {soon}, tries FROM payment") == [(True, 1)]


def test_only_a_second_try_looks_first(desk: Desk) -> None:
    """A first confirm costs one exchange; one behind an unknown outcome looks at the intent before it acts."""
    (creating,) = desk.read(CREATED)
    desk.answer(creating, desk.calls.perform(creating))
    desk.lease_runs_out()
    desk.work(desk.scan())
    assert desk.provider.looked == [False, True]


def test_repeat_leaves_the_lease_alone(desk: Desk) -> None:
    """An event that changes nothing takes nothing: the call in flight may still answer."""
    (creating,) = desk.read(CREATED)
    assert desk.read(CREATED) == []
    desk.work([creating])
    assert desk.emitted() == ["payment_completed"]


def test_backoff_grows_with_tries(desk: Desk) -> None:
    """Trouble that lasts is asked about less and less often."""
    desk.read(CREATED)
    for _ in range(6):
        desk.provider.deaf = 1
        desk.lease_runs_out()
        with pytest.raises(Transient):
            desk.calls.perform(desk.scan()[0])
    assert desk.sql("SELECT due_at > now() + interval '7 s', tries FROM payment") == [(True, 7)]


def test_batch_that_fails_leaves_nothing(desk: Desk) -> None:
    """Row, lease and fact are one transaction, and nothing is handed to the workers."""
    with pytest.raises(ZeroDivisionError), desk.database.transaction() as tx:
        event = received(desk.order, CANCELLED)
        handlers.handle(tx, Batch([desk.order], lambda: [event]), desk.collect)
        raise ZeroDivisionError
    assert (desk.sql("SELECT order_id FROM payment"), desk.emitted(), desk.handed) == ([], [], [])


def test_settlement_that_fails_leaves_nothing(desk: Desk) -> None:
    """Outcome and fact are one transaction: neither is there without the other."""
    (confirming,) = desk.answer(desk.read(CREATED)[0], Created("pi_1"))
    with pytest.raises(ZeroDivisionError), desk.database.transaction() as tx:
        desk.calls.settle(tx, confirming, Succeeded())
        raise ZeroDivisionError
    assert (desk.sql("SELECT captured FROM payment"), desk.emitted()) == ([(False,)], [])


def test_job_that_waited_too_long_renews_its_lease(desk: Desk) -> None:
    """A long queue is no reason to ask twice: the lease is renewed when the row is still ours."""
    (job,) = desk.read(CREATED)
    desk.lease_runs_out()
    expired = Job(job.row, job.call, ends=0.0)
    desk.calls.perform(expired)
    assert (desk.scan(), len(desk.provider.asked)) == ([], 1)


def test_job_that_was_overtaken_in_the_queue_asks_nothing(desk: Desk) -> None:
    """Somebody else has the row: the old job ends without a call."""
    (job,) = desk.read(CREATED)
    desk.lease_runs_out()
    desk.scan()
    with pytest.raises(Transient, match="ran out in the queue"):
        desk.calls.perform(Job(job.row, job.call, ends=0.0))
    assert desk.provider.asked == []


def test_two_scans_share_the_rows(desk: Desk) -> None:
    """A row under one scan's lock is passed over by the other."""
    desk.read(CREATED)
    desk.lease_runs_out()
    with desk.database.transaction() as one, desk.database.transaction() as two:
        assert (len(store.take(one, 10)), len(store.take(two, 10))) == (1, 0)


def test_open_circuit_leaves_rows_alone(desk: Desk) -> None:
    """In an outage due rows are not leased: no try is spent, no back-off grows."""
    desk.read(CREATED)
    desk.lease_runs_out()
    calls = Calls(desk.database, desk.provider, Circuit(1, 60))  # type: ignore[arg-type]
    desk.provider.deaf = 1
    with pytest.raises(Transient):
        calls.perform(desk.handed[0])
    desk.lease_runs_out()
    with desk.database.transaction() as tx:
        assert list(calls.take(tx, 10)) == []
    assert desk.sql("SELECT lease, tries FROM payment") == [(1, 1)]


def test_row_with_nothing_to_ask_is_put_to_rest(desk: Desk) -> None:
    """A row that is due without a reason (an older release had one) is leased once, and never again."""
    desk.work(desk.read(CREATED))
    desk.sql("UPDATE payment SET due_at = now()")
    assert (desk.scan(), desk.sql("SELECT due_at FROM payment")) == ([], [(None,)])


def test_service_cannot_speak_as_another(desk: Desk) -> None:
    """The outbox refuses what the catalogue does not give to payment."""
    with pytest.raises(psycopg.errors.CheckViolation):
        desk.sql(
            "INSERT INTO outbox (id, topic, type, key, payload) "
            "VALUES (gen_random_uuid(), 'orders.events', 'order_delivered', 'k', '{}')"
        )
