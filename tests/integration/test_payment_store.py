"""Payment rows on a real Postgres: who holds the lease may answer, and each fact is emitted once."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import uuid4

import psycopg
import pytest

from chassis.batch import Batch
from chassis.database import Database
from chassis.envelope import Received
from chassis.errors import Transient
from payment import handlers, store
from payment.calls import Calls
from payment.circuit import Circuit
from payment.domain import (
    Answer,
    Call,
    Cancel,
    Canceled,
    Confirm,
    Create,
    Created,
    Declined,
    Refund,
    Refunded,
    Succeeded,
)
from payment.events import READS, Incoming, OrderCancelled, OrderCreated
from payment.provider import Unanswered
from payment.store import Job

CREATED = OrderCreated(total=1250, currency="EUR", payment_method="pm_card_visa")
CANCELLED = OrderCancelled(reason="customer")
TYPES = {shape: name for name, shape in READS.items()}


@dataclass
class FakeProvider:
    """Intents in memory. `deaf` = the next calls are executed, and their answers lost."""

    intents: dict[str, str] = field(default_factory=dict)
    captures: list[str] = field(default_factory=list)
    asked: list[Call] = field(default_factory=list)
    deaf: int = 0

    def ask(self, order_id: str, call: Call, *, key: str, again: bool) -> Answer:
        """As `payment.provider.Provider.ask`."""
        self.asked.append(call)
        said = self._act(order_id, call)
        if self.deaf:
            self.deaf -= 1
            raise Unanswered("the line is dead", trouble=True)
        return said

    def _act(self, order_id: str, call: Call) -> Answer:
        match call:
            case Create():
                self.intents.setdefault("pi_" + order_id, "open")
                return Created("pi_" + order_id)
            case Confirm(intent, _, card):
                return self._confirm(intent, card)
            case Cancel(intent):
                self.intents[intent] = "shut" if self.intents[intent] == "open" else self.intents[intent]
                return Canceled() if self.intents[intent] == "shut" else Succeeded()
            case Refund(intent):
                self.intents[intent] = "back"
                return Refunded()

    def _confirm(self, intent: str, card: str) -> Answer:
        if "Declined" in card or self.intents[intent] == "shut":
            return Declined("generic_decline")
        if self.intents[intent] == "open":
            self.captures.append(intent)
            self.intents[intent] = "paid"
        return Succeeded()


@dataclass
class Desk:
    """One order's way through the service, a step at a time."""

    database: Database
    provider: FakeProvider
    order: str
    handed: list[Job] = field(default_factory=list)

    @property
    def calls(self) -> Calls:
        """The workers' half of the service; a new circuit each time, so that no test trips another's."""
        return Calls(self.database, self.provider, Circuit())  # type: ignore[arg-type]  # the fake has the same shape

    def read(self, *events: Incoming, order: str | None = None) -> list[Job]:
        """A batch of the consumer, committed; -> what was handed to the workers."""
        key = order or self.order
        received = [
            Received(uuid4(), TYPES[type(e)], key, e, "api", datetime.now(UTC), 1, "trace", "orders.events", 0, n)
            for n, e in enumerate(events)
        ]
        self.handed = []
        with self.database.transaction() as tx:
            batch = Batch([key], lambda: received)
            handlers.handle(tx, batch, self._submit)
            assert self.handed == [], "handed over before the commit"
        for callback in batch.callbacks:
            callback()
        return self.handed

    def answer(self, job: Job, said: Answer) -> Sequence[Job]:
        """Commit an answer as a worker does; -> the next jobs."""
        with self.database.transaction() as tx:
            return self.calls.settle(tx, job, said)

    def work(self, jobs: Sequence[Job]) -> None:
        """Perform and settle until nothing follows."""
        while jobs:
            job, *rest = jobs
            jobs = [*rest, *self.answer(job, self.calls.perform(job))]

    def scan(self) -> list[Job]:
        """What the net finds."""
        with self.database.transaction() as tx:
            return store.take(tx, 10)

    def lease_runs_out(self) -> None:
        """As if the lease's time had passed."""
        self.sql("UPDATE payment SET due_at = now() WHERE due_at IS NOT NULL")

    def sql(self, statement: str) -> list[tuple[object, ...]]:
        """Any statement, committed."""
        with self.database.transaction() as tx:
            cursor = tx.execute(statement.encode())
            return cursor.fetchall() if statement.startswith("SELECT") else []

    def emitted(self) -> list[str]:
        """The types in the outbox for this order, in order."""
        rows = self.sql("SELECT type FROM outbox WHERE key = '" + self.order + "' ORDER BY seq")
        return [str(row[0]) for row in rows]

    def _submit(self, jobs: Sequence[Job]) -> None:
        self.handed += jobs


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


def test_fact_carries_the_trace(desk: Desk) -> None:
    """What a worker says belongs to the trace of the event that set it off."""
    desk.work(desk.read(CREATED))
    assert desk.sql("SELECT traceparent, payload FROM outbox") == [("trace", '{"attempt":1}')]


def test_declined_order_waits(desk: Desk) -> None:
    """A decline is told once, and nothing is asked again."""
    desk.work(desk.read(OrderCreated(1250, "EUR", "pm_card_chargeDeclined")))
    desk.lease_runs_out()
    assert (desk.emitted(), desk.scan()) == (["payment_failed"], [])


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


def test_backoff_grows_with_tries(desk: Desk) -> None:
    """Trouble that lasts is asked about less and less often."""
    desk.read(CREATED)
    for _ in range(6):
        desk.provider.deaf = 1
        desk.lease_runs_out()
        with pytest.raises(Transient):
            desk.calls.perform(desk.scan()[0])
    assert desk.sql("SELECT due_at > now() + interval '7 s', tries FROM payment") == [(True, 7)]


def test_cancel_overtakes_confirm_in_flight(desk: Desk) -> None:
    """The cancel takes the lease. The confirm that wins at the provider is dropped here, and the money goes back."""
    (creating,) = desk.read(CREATED)
    (confirming,) = desk.answer(creating, desk.calls.perform(creating))
    (cancelling,) = desk.read(CANCELLED)
    said = desk.calls.perform(confirming)  # the provider had it first
    desk.work([cancelling])
    desk.answer(confirming, said)
    assert (desk.emitted(), desk.provider.intents["pi_" + desk.order]) == (["payment_refunded"], "back")


def test_cancel_wins_over_confirm_in_flight(desk: Desk) -> None:
    """The provider closes the intent first: nothing is captured, and the decline of the confirm is dropped."""
    (creating,) = desk.read(CREATED)
    (confirming,) = desk.answer(creating, desk.calls.perform(creating))
    desk.work(desk.read(CANCELLED))
    desk.answer(confirming, desk.calls.perform(confirming))
    assert (desk.emitted(), desk.provider.captures) == (["payment_released"], [])


def test_cancel_overtakes_create_in_flight(desk: Desk) -> None:
    """Without a committed id nothing can be captured: settled at once, and the late id is never confirmed."""
    (creating,) = desk.read(CREATED)
    assert desk.read(CANCELLED) == []
    assert desk.answer(creating, desk.calls.perform(creating)) == []
    assert (desk.emitted(), desk.provider.captures, desk.scan()) == (["payment_released"], [], [])


def test_closed_before_created(desk: Desk) -> None:
    """The end is remembered for an order that was never seen: its late creation starts nothing."""
    desk.read(CANCELLED)
    assert (desk.read(CREATED), desk.emitted(), desk.provider.asked) == ([], ["payment_released"], [])


def test_created_and_cancelled_in_one_batch(desk: Desk) -> None:
    """Folded one after the other, written once."""
    assert desk.read(CREATED, CANCELLED, CREATED) == []
    assert (desk.emitted(), desk.provider.asked) == (["payment_released"], [])


def test_repeated_cancel_settles_once(desk: Desk) -> None:
    """The state is a second guard behind the inbox."""
    desk.work(desk.read(CREATED))
    desk.work(desk.read(CANCELLED))
    desk.work(desk.read(CANCELLED))
    assert desk.emitted() == ["payment_completed", "payment_refunded"]


def test_batch_that_fails_leaves_nothing(desk: Desk) -> None:
    """Row, lease and fact are one transaction, and nothing is handed to the workers."""
    with pytest.raises(ZeroDivisionError), desk.database.transaction() as tx:
        event = Received(uuid4(), "order_cancelled", desk.order, CANCELLED, "api", datetime.now(UTC), 1, None, "", 0, 0)
        handlers.handle(tx, Batch([desk.order], lambda: [event]), desk._submit)
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
