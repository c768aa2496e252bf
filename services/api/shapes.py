"""Domain objects as the GraphQL schema shows them: dicts, so that the executor's own resolver serves every field."""

from collections.abc import Mapping
from typing import Any

from api.commands import Outcome
from api.domain import Order, Restaurant

Shape = Mapping[str, Any]


def money(amount: int, currency: str) -> Shape:
    """Minor units."""
    return {"amount": amount, "currency": currency}


def order(source: Order) -> Shape:
    """An order without its timeline, which has a resolver of its own."""
    return {
        "id": source.id,
        "version": source.version,
        "status": source.status,
        "payment": {"status": source.payment.status, "failure": source.payment.failure},
        "cancellation": source.cancellation and {"reason": source.cancellation.reason},
        "customerId": source.customer_id,
        "restaurantId": source.restaurant_id,
        "restaurantName": source.restaurant_name,
        "courierId": source.courier_id,
        "items": [
            {
                "itemId": item.item_id,
                "name": item.name,
                "quantity": item.quantity,
                "unitPrice": money(item.unit_price, source.currency),
            }
            for item in source.items
        ],
        "total": money(source.total, source.currency),
    }


def restaurant(source: Restaurant) -> Shape:
    """A restaurant with its menu."""
    menu = [{"id": i.item_id, "name": i.name, "price": money(i.price, source.currency)} for i in source.menu]
    return {"id": source.id, "name": source.name, "menu": menu}


def outcome(source: Outcome) -> Shape:
    """A mutation's payload: a refusal is data."""
    refusal = source.refusal
    errors = [{"code": refusal.code, "message": refusal.message, "field": refusal.field}] if refusal else []
    return {"order": source.order and order(source.order), "userErrors": errors}
