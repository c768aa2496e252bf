"""delivery's work: batches of the log, and the search for couriers. Each is load → decide → save in one transaction."""

from collections.abc import Callable

from chassis.consumer import Batch
from chassis.database import Database, Transaction
from chassis.envelope import Event, Received
from chassis.outbox import publish
from delivery import store
from delivery.desk import Desk, couriers_needed
from delivery.domain import RetryDue
from delivery.events import ORDERS, TYPE_OF, OfCourier, Outgoing

SCAN_SECONDS = 1.0  # the net under `poke`: a courier freed while an order began to wait is found this much later
SCAN_LIMIT = 100  # waiting orders in one transaction


def handle(tx: Transaction, batch: Batch, poke: Callable[[], None]) -> None:
    """Fold a batch. `poke` runs after the commit when a courier was freed and an order waits: it gets one at once."""
    job_rows, courier_rows = store.lock(tx, batch.keys)
    events = batch.events
    desk = store.desk(job_rows, courier_rows)
    if needed := couriers_needed(((event.key, event.data) for event in events), desk.jobs):
        desk.offer(store.lock_free(tx, needed))
    facts = [fact for event in events for fact in decide(desk, event)]
    save(tx, desk, facts)
    if desk.may_serve_waiting:
        batch.after_commit(poke)


def decide(desk: Desk, event: Received) -> list[Event]:
    """Fold one event over the desk; -> what to publish."""
    if isinstance(event.data, OfCourier):
        desk.shift(event.key, event.data)
        return []
    return [_fact(event.key, fact, event.traceparent) for fact in desk.order(event.key, event.data)]


def save(tx: Transaction, desk: Desk, facts: list[Event]) -> None:
    """Write what changed, and say it."""
    store.save(tx, desk)
    publish(tx, facts)


def search(database: Database) -> None:
    """Give free couriers to waiting orders until one of them runs out. The consumer's timer, and its poke."""
    while _search(database) == SCAN_LIMIT:
        pass


def _search(database: Database) -> int:
    """One transaction's worth; -> how many orders were given a courier."""
    with database.transaction() as tx:
        waiting = store.lock_searching(tx, SCAN_LIMIT)
        if not waiting:
            return 0
        desk = Desk(waiting, {})
        free = store.lock_free(tx, len(waiting))
        desk.offer(free)
        served = list(waiting)[: len(free)]
        save(
            tx, desk, [_fact(order_id, fact, None) for order_id in served for fact in desk.order(order_id, RetryDue())]
        )
        return len(served)


def _fact(order_id: str, fact: Outgoing, traceparent: str | None) -> Event:
    return Event(ORDERS, order_id, TYPE_OF[type(fact)], fact, traceparent=traceparent)
