"""restaurant's work: batches of the log, and the kitchens' timer. Each is load → decide → save in one transaction."""

from chassis.consumer import Batch
from chassis.database import Database, Transaction
from chassis.envelope import Event, Received
from chassis.errors import Poison
from chassis.outbox import publish
from restaurant import store
from restaurant.domain import PreparationOver, UnknownOrderError
from restaurant.events import ORDERS, TYPE_OF, VERSIONS, OfRestaurant, Outgoing
from restaurant.shelves import Cause, Shelves

SCAN_SECONDS = 0.5  # a dish is ready at most this much after its time
SCAN_LIMIT = 200  # tickets in one transaction


def wants(_type: str, source: str) -> bool:
    """What this service says itself (`order_ready`, `items_out_of_stock`) stands on its tickets already."""
    return source != "restaurant"


def handle(tx: Transaction, batch: Batch) -> None:
    """Fold a batch."""
    rows = store.lock_tickets(tx, batch.keys)
    events = batch.events
    shelves = Shelves(store.tickets(rows))
    if wanted := shelves.stock_needed((event.key, event.data) for event in events):
        shelves.put(store.lock_stock(tx, wanted))
    facts = [fact for event in events for fact in decide(shelves, event)]
    store.save(tx, shelves)
    publish(tx, facts)


def decide(shelves: Shelves, event: Received) -> list[Event]:
    """Fold one event; -> what to publish."""
    if isinstance(event.data, OfRestaurant):
        shelves.count(event.key, event.data, event.at)
        return []
    try:
        facts = shelves.order(event.key, event.data, Cause(event.at, event.traceparent))
    except UnknownOrderError as error:
        raise Poison(str(error), event) from error
    return [_fact(event.key, fact, event.traceparent) for fact in facts]


def finish_preparations(database: Database) -> None:
    """Automatic kitchens: say `order_ready` for every dish whose time has passed. The consumer's timer."""
    while _finish(database) == SCAN_LIMIT:
        pass


def _finish(database: Database) -> int:
    """One transaction's worth; -> how many were due."""
    with database.transaction() as tx:
        due = store.lock_due(tx, SCAN_LIMIT)
        if not due:
            return 0
        shelves = Shelves(due)
        ready = {order_id: shelves.order(order_id, PreparationOver()) for order_id in list(due)}
        store.save(tx, shelves)
        publish(tx, [_fact(o, fact, due[o].traceparent) for o, facts in ready.items() for fact in facts])
        return len(ready)


def _fact(order_id: str, fact: Outgoing, traceparent: str | None) -> Event:
    kind = type(fact)
    return Event(ORDERS, order_id, TYPE_OF[kind], fact, schema_version=VERSIONS.get(kind, 1), traceparent=traceparent)
