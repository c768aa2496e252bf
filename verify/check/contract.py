"""What is promised about an order, said once more in the judge's own words: it believes no service's rules.

Names of events, their sources and consumers come from contracts/catalogue.json.
"""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from runtime.layout import ROOT

CATALOGUE = ROOT / "contracts" / "catalogue.json"
TOPICS = ROOT / "contracts" / "topics.json"
ORDERS = "orders.events"

OPEN = ("PLACED", "PAID", "COURIER_ASSIGNED", "ACCEPTED", "READY", "PICKED_UP")
DELIVERED, CANCELLED = "DELIVERED", "CANCELLED"
SETTLEMENTS = {"REFUNDED": "payment_refunded", "RELEASED": "payment_released", "REFUND_FAILED": "refund_failed"}
"""Payment status of a settled cancelled order → the event that says so."""
SETTLING = frozenset(SETTLEMENTS.values())
"""The events that say what became of a cancelled order's money."""

STEPS: Mapping[tuple[str, str], str] = {
    ("", "order_created"): "PLACED",
    ("PLACED", "payment_completed"): "PAID",
    ("PAID", "delivery_assigned"): "COURIER_ASSIGNED",
    ("COURIER_ASSIGNED", "order_accepted"): "ACCEPTED",
    ("ACCEPTED", "order_ready"): "READY",
    ("READY", "order_picked_up"): "PICKED_UP",
    ("PICKED_UP", "order_delivered"): "DELIVERED",
    **{(status, "order_cancelled"): "CANCELLED" for status in OPEN},
    # What changes the document and leaves the status alone.
    ("PLACED", "payment_failed"): "PLACED",
    ("PLACED", "payment_retry_requested"): "PLACED",
    **{(status, "delivery_assigned"): status for status in ("COURIER_ASSIGNED", "ACCEPTED", "READY")},
    **{
        ("CANCELLED", event): "CANCELLED"
        for event in ("payment_completed", "payment_refunded", "payment_released", "refund_failed")
    },
}
"""(Status, event that made a version) → status of that version. Every other pair is illegal."""

PAYMENTS: Mapping[tuple[str, str], str] = {
    ("", "order_created"): "PENDING",
    ("PENDING", "payment_completed"): "COMPLETED",
    ("FAILED", "payment_completed"): "COMPLETED",
    ("PENDING", "payment_failed"): "FAILED",
    ("FAILED", "payment_retry_requested"): "PENDING",
    ("COMPLETED", "order_cancelled"): "REFUNDING",
}
"""The same for the money of an order that is not cancelled; every other pair leaves it alone."""

UNDOING: Mapping[tuple[str, str], str] = {
    ("PENDING", "payment_completed"): "REFUNDING",
    ("FAILED", "payment_completed"): "REFUNDING",
    **{(paid, "payment_released"): "RELEASED" for paid in ("PENDING", "FAILED")},
    # The capture of a cancelled order need not have been told before its refund is.
    **{(paid, "payment_refunded"): "REFUNDED" for paid in ("PENDING", "FAILED", "REFUNDING")},
    **{(paid, "refund_failed"): "REFUND_FAILED" for paid in ("PENDING", "FAILED", "REFUNDING")},
}
"""The same for the money of a cancelled order."""

WAITS = {
    "PLACED": "payment_timeout",
    "PAID": "no_courier",
    "COURIER_ASSIGNED": "restaurant_silent",
    "ACCEPTED": "not_ready",
    "READY": "not_picked_up",
    "PICKED_UP": "not_delivered",
}
DEADLINES = frozenset({*WAITS.values(), "payment_failed"})
"""Reasons of a cancellation that a deadline gives."""

ALLOWANCES: Mapping[str, int] = {
    "payment_timeout": 300,
    "payment_failed": 300,
    "no_courier": 180,
    "restaurant_silent": 120,
    "not_ready": 3600,
    "not_picked_up": 1800,
    "not_delivered": 3600,
}
"""Ticks that each wait may last where nothing else is set."""

MADE_BY = {
    "placeOrder": "order_created",
    "cancelOrder": "order_cancelled",
    "retryPayment": "payment_retry_requested",
    "markOrderReady": "order_ready",
    "reportOutOfStock": "order_cancelled",
    "pickUpOrder": "order_picked_up",
    "deliverOrder": "order_delivered",
}
"""Mutation → the event of the version that it makes."""


def wait(status: str, payment: str, attempt: int) -> str | None:
    """What the order would be cancelled for if nothing more happened."""
    if status == "PLACED" and (payment == "FAILED" or attempt > 1):
        return "payment_failed"
    return WAITS.get(status)


@cache
def consumers() -> Mapping[str, tuple[str, ...]]:
    """Event → who handles it."""
    return {event["event"]: tuple(event["consumers"]) for event in _catalogue()["events"]}


@cache
def readers(topic: str) -> frozenset[str]:
    """Who handles any of the topic's events, from its beginning. (The keeper reads what it has just written.)"""
    events = [event for event in _catalogue()["events"] if event["topic"] == topic]
    return frozenset(who for event in events for who in event["consumers"]) - {"keeper"}


def handled_by(event: str, source: str) -> tuple[str, ...]:
    """Who handles a record of this type and source: nobody reads its own words again, but for api's deadlines."""
    return tuple(one for one in consumers().get(event, ()) if one != source or event == "deadline_passed")


@cache
def topics() -> tuple[str, ...]:
    """Every topic of demae."""
    return tuple(json.loads(TOPICS.read_text(encoding="utf-8")))


@cache
def _catalogue() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(CATALOGUE.read_text(encoding="utf-8"))
    return found
