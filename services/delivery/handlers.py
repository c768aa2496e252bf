"""delivery's work: batches of the log, and the search for couriers. Each is load → decide → save in one transaction."""

from collections.abc import Callable

from chassis.consumer import Batch
from chassis.database import Database, Transaction
from chassis.envelope import Event, Received
from chassis.errors import Transient
from chassis.outbox import publish
from delivery import store
from delivery.desk import Desk, Pair, Said
from delivery.domain import RetryDue
from delivery.events import ORDERS, TYPE_OF, OfCourier

SCAN_SECONDS = 1.0  # the net under `poke`: a courier freed while an order began to wait is found this much later
SCAN_LIMIT = 100  # waiting orders in one transaction


def handle(tx: Transaction, batch: Batch, poke: Callable[[], None]) -> None:
    """Fold a batch. `poke` runs after the commit when a courier was freed and an order waits: it gets one at once.

    Raises Transient when a courier who leaves was given an order while we waited for locks: the same batch finds it
    when it is tried again.
    """
    job_rows, courier_rows = store.lock(tx, batch.keys)
    events = batch.events
    desk = store.desk(job_rows, courier_rows)
    complete(tx, desk, [(event.key, event.data) for event in events])
    facts = [fact for event in events for fact in decide(desk, event)]
    save(tx, desk, facts)
    if desk.may_serve_waiting:
        batch.after_commit(poke)


def complete(tx: Transaction, desk: Desk, pairs: list[Pair]) -> None:
    """Put on the desk what these events need beside the rows of their keys."""
    if overtaken := desk.overtaken(pairs):
        raise Transient(f"courier {overtaken} was given an order meanwhile")
    if strangers := desk.strangers(pairs):
        desk.put(store.lock_strangers(tx, strangers))
    if needed := desk.couriers_needed(pairs):
        desk.offer(store.lock_free(tx, needed))


def decide(desk: Desk, event: Received) -> list[Event]:
    """Fold one event over the desk; -> what to publish."""
    if isinstance(event.data, OfCourier):
        return _facts(desk, desk.shift(event.key, event.data))
    return _facts(desk, desk.order(event.key, event.data, event.traceparent))


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
        save(tx, desk, _facts(desk, [said for order_id in served for said in desk.order(order_id, RetryDue())]))
        return len(served)


def _facts(desk: Desk, said: Said) -> list[Event]:
    """As events of the order's trace, whoever or whatever made them true."""
    return [
        Event(ORDERS, order_id, TYPE_OF[type(fact)], fact, traceparent=desk.jobs[order_id].traceparent)
        for order_id, fact in said
    ]
