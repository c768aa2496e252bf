"""payment's consumer: fold a batch of the log into payment rows. It never calls the provider."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from uuid import UUID

from chassis.batch import Batch
from chassis.database import Transaction
from chassis.envelope import Event, Received
from chassis.errors import Poison
from chassis.outbox import publish
from payment import store
from payment.domain import fold
from payment.events import TOPIC, TYPE_OF, Outgoing
from payment.store import Job, Row

Submit = Callable[[Sequence[Job]], None]


def handle(tx: Transaction, batch: Batch, submit: Submit) -> None:
    """Fold a batch. The rows that have something to ask are leased in this transaction; `submit` gets them after it.

    Raises Poison for an event of no order.
    """
    locked = store.lock(tx, batch.keys)
    events = batch.events
    before = store.rows(locked)
    after, facts = dict(before), []
    for event in events:
        row = after.get(event.key) or _new(event)
        payment, said = fold(row.payment, event.data)
        after[event.key] = replace(row, payment=payment, traceparent=event.traceparent or row.traceparent)
        facts += [fact(after[event.key], data) for data in said]
    changed = [row for key, row in after.items() if key not in before or row.payment != before[key].payment]
    jobs = store.save(tx, changed)
    publish(tx, facts)
    if jobs:
        batch.after_commit(lambda: submit(jobs))


def _new(event: Received) -> Row:
    """The row of an order that was not seen yet. Its id goes out to the provider: it must be one, a UUID."""
    try:
        known = str(UUID(event.key)) == event.key
    except ValueError:
        known = False
    if not known:
        raise Poison("the key is no order's id", event)
    return Row(event.key)


def fact(row: Row, data: Outgoing) -> Event:
    """An event about an order's payment, in the trace of what set it off."""
    return Event(TOPIC, row.order_id, TYPE_OF[type(data)], data, traceparent=row.traceparent)
