"""Was the run right? Every order is checked from outside: the client's pushes, the provider's log, the journal."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from bench.orders import Placed

SHOWN = 10


def violations(
    orders: Sequence[Placed], captures: Mapping[str, int], journal: Mapping[str, Sequence[int]], broken: Iterable[str]
) -> list[str]:
    """One sentence for each broken promise; empty for a sound run.

    `captures` counts successful charges by order, from the provider's own log; `journal` holds each order's versions as
    the database has them; `broken` are sockets that failed.
    """
    found = [f"a socket broke: {failure}" for failure in broken]
    for order in orders:
        name = order.id or f"(not acknowledged, key {order.key})"
        found += [f"order {name}: {fault}" for fault in faults(order, captures, journal)]
    twice = [key for key, times in Counter(order.id for order in orders if order.id).items() if times > 1]
    return found + [f"order {order}: answered to two idempotency keys" for order in twice]


def faults(order: Placed, captures: Mapping[str, int], journal: Mapping[str, Sequence[int]]) -> list[str]:
    """What is wrong with one order."""
    if not order.id:
        return [order.error or "placeOrder was never answered"]
    found = [order.error] if order.error else []
    seen = [push.version for push in order.pushes]
    if seen != list(range(1, len(seen) + 1)):
        found.append(f"its subscriber saw the versions {seen}")
    if order.status != "DELIVERED":
        found.append(f"it ended {order.status or 'unseen'}")
    if (kept := list(journal.get(order.id, ()))) != seen:
        found.append(f"its journal holds the versions {kept}, its subscriber saw {seen}")
    if (times := captures.get(order.id, 0)) != 1:
        found.append(f"the provider captured {times} times")
    return found
