"""payment's consumer: fold a batch of the log into payment rows. It never calls the provider."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from chassis.batch import Batch
from chassis.database import Transaction
from chassis.envelope import Event
from chassis.outbox import publish
from payment import store
from payment.domain import fold
from payment.events import TOPIC, TYPE_OF, Outgoing
from payment.store import Job, Row

Submit = Callable[[Sequence[Job]], None]


def handle(tx: Transaction, batch: Batch, submit: Submit) -> None:
    """Fold a batch. The rows that have something to ask are leased in this transaction; `submit` gets them after it."""
    locked = store.lock(tx, batch.keys)
    events = batch.events
    before = store.rows(locked)
    after, facts = dict(before), []
    for event in events:
        row = after.get(event.key, Row(event.key))
        payment, said = fold(row.payment, event.data)
        after[event.key] = replace(row, payment=payment, traceparent=event.traceparent or row.traceparent)
        facts += [fact(after[event.key], data) for data in said]
    changed = [row for key, row in after.items() if key not in before or row.payment != before[key].payment]
    jobs = store.save(tx, changed)
    publish(tx, facts)
    if jobs:
        batch.after_commit(lambda: submit(jobs))


def fact(row: Row, data: Outgoing) -> Event:
    """An event about an order's payment, in the trace of what set it off."""
    return Event(TOPIC, row.order_id, TYPE_OF[type(data)], data, traceparent=row.traceparent)
