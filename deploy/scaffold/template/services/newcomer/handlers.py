"""newcomer's work: batches of the log. Load → decide → save in one transaction."""

from collections.abc import Iterable, Mapping

from chassis.consumer import Batch
from chassis.database import Transaction
from chassis.envelope import Received
from newcomer import store
from newcomer.domain import Score, step


def handle(tx: Transaction, batch: Batch) -> None:
    """Fold a batch."""
    rows = store.lock(tx, batch.keys)
    events = batch.events
    changed = fold(store.scores(rows), events)
    store.save(tx, changed)
    # Here, with the same `tx`, is the place of `chassis.outbox.publish`: what it says is committed with what it did.


def fold(known: Mapping[str, Score], events: Iterable[Received]) -> dict[str, Score]:
    """The scores that these events change; an order may come several times in a batch."""
    scores = dict(known)
    for event in events:
        scores[event.key] = step(scores.get(event.key, Score()), event.data)
    return {order_id: score for order_id, score in scores.items() if score != known.get(order_id, Score())}
