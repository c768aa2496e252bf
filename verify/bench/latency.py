"""From commit to push, and from place to delivered: the client's clock against the database's, on one machine."""

from collections.abc import Iterator, Mapping, Sequence

from bench.orders import Placed
from bench.truth import Fact

ONE_HOP = frozenset({"order_picked_up", "order_delivered"})  # api's own commits
TWO_HOPS = frozenset({"payment_completed", "delivery_assigned", "order_accepted", "order_ready"})  # another service's


def pushes(orders: Sequence[Placed], journal: Mapping[str, Sequence[Fact]], types: frozenset[str]) -> list[float]:
    """Milliseconds from the transaction that stated a fact of these types to its version in the client's hands."""
    return [ms for order in orders for ms in of_order(order, journal.get(order.id, ()), types)]


def of_order(order: Placed, facts: Sequence[Fact], types: frozenset[str]) -> Iterator[float]:
    """The samples of one order."""
    stated = {fact.version: fact.at for fact in facts if fact.type in types}
    for push in order.pushes:
        if push.version in stated:
            yield (push.at - stated[push.version]) * 1000


def placing(orders: Sequence[Placed]) -> list[float]:
    """Milliseconds from the moment an order was due to the answer to placeOrder."""
    return [(order.acknowledged - order.due) * 1000 for order in orders if order.id]


def delivering(orders: Sequence[Placed]) -> list[float]:
    """Milliseconds from the moment an order was due to DELIVERED in the client's hands."""
    found = ((order.delivered_at, order.due) for order in orders)
    return [(at - due) * 1000 for at, due in found if at is not None]
