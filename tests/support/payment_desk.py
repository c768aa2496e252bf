"""One order's way through the payment service a step at a time, on a real Postgres and a provider in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import uuid4

from chassis.batch import Batch
from chassis.database import Database
from chassis.envelope import Received
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
from payment.events import READS, TOPIC, Incoming, OrderCancelled, OrderCreated
from payment.provider import Unanswered
from payment.store import Job

CREATED = OrderCreated(total=1250, currency="EUR", payment_method="pm_card_visa")
CANCELLED = OrderCancelled(reason="customer")
TYPES = {shape: name for name, shape in READS.items()}


def received(order: str, data: Incoming) -> Received:
    """An event as it is read from the log."""
    return Received(uuid4(), TYPES[type(data)], order, data, "api", datetime.now(UTC), 1, "trace", TOPIC, 0, 0)


@dataclass
class FakeProvider:
    """Intents in memory. `deaf`: the next calls are done, their answers lost. `looked`: which were to look first."""

    intents: dict[str, str] = field(default_factory=dict)
    captures: list[str] = field(default_factory=list)
    asked: list[Call] = field(default_factory=list)
    looked: list[bool] = field(default_factory=list)
    deaf: int = 0

    def ask(self, order_id: str, call: Call, *, key: str, again: bool) -> Answer:
        """As `payment.provider.Provider.ask`."""
        self.asked.append(call)
        self.looked.append(again)
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
        self.handed = []
        with self.database.transaction() as tx:
            batch = Batch([key], lambda: [received(key, event) for event in events])
            handlers.handle(tx, batch, self.collect)
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

    def collect(self, jobs: Sequence[Job]) -> None:
        """What the consumer hands over goes here."""
        self.handed += jobs
