"""Batches made by hand, for handlers on a real database without a broker."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from chassis.batch import Batch
from chassis.envelope import Received, new_id


def received(
    key: str, data: Any, types: Mapping[str, type], source: str = "elsewhere", traceparent: str | None = None
) -> Received:
    """An event as it would be read; its type's name by the class of its data."""
    name = next(name for name, shape in types.items() if isinstance(data, shape))
    return Received(new_id(), name, key, data, source, datetime.now(UTC), 1, traceparent, "orders.events", 0, 0)


def batch(types: Mapping[str, type], pairs: Sequence[tuple[str, Any]], traceparent: str | None = None) -> Batch:
    """A batch of (key, data), all of it claimed."""
    events = [received(key, data, types, traceparent=traceparent) for key, data in pairs]
    return Batch(sorted({event.key for event in events}), lambda: events)
