"""What became of orders, asked from outside: the provider's own log and the journal."""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import psycopg

VERSIONS = "SELECT order_id::text, version FROM api.journal WHERE order_id = ANY(%s::uuid[]) ORDER BY order_id, version"


def captures(provider_log: Path) -> Counter[str]:
    """Successful charges by order."""
    return _count(provider_log, "payment_intent.succeeded")


def refunds(provider_log: Path) -> Counter[str]:
    """Refunds by order."""
    return _count(provider_log, "refund.created")


def _count(provider_log: Path, kind: str) -> Counter[str]:
    with provider_log.open("rb") as file:
        lines = [json.loads(raw) for raw in file if raw.endswith(b"\n")]
    return Counter(line["order_id"] for line in lines if line["type"] == kind)


def versions(database: str, orders: Iterable[str]) -> dict[str, list[int]]:
    """Every order's versions in the journal."""
    wanted = list(orders)
    found: dict[str, list[int]] = {order: [] for order in wanted}
    with psycopg.connect(database) as db:
        for order, version in db.execute(VERSIONS, [wanted]):
            found[order].append(version)
    return found
