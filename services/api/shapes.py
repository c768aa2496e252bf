"""Domain objects as the GraphQL schema shows them: dicts, so that the executor's own resolver serves every field."""

from collections.abc import Mapping, Sequence
from typing import Any

from api.domain import Order, Refused, Restaurant
from api.presentation import Entry, Presentation, detail, moment

Shape = Mapping[str, Any]


def money(amount: int, currency: str) -> Shape:
    """Minor units."""
    return {"amount": amount, "currency": currency}


def order(source: Order) -> dict[str, Any]:
    """An order without the members that need its timeline, the viewer or words: see `whole`."""
    return {
        "id": source.id,
        "version": source.version,
        "status": source.status,
        "payment": {
            "status": source.payment.status,
            "attempt": source.payment.attempt,
            "failure": source.payment.failure,
        },
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


def timeline(source: Order, entries: Sequence[Entry], presentation: Presentation) -> list[Shape]:
    """What happened up to this version of the order."""
    return [
        {
            "version": entry.order.version,
            "event": entry.event,
            "message": presentation.fact(entry),
            "reason": detail(entry),
            "status": entry.order.status,
            "at": moment(entry.at),
        }
        for entry in entries[: source.version]
    ]


def deadline(source: Order, entries: Sequence[Entry], presentation: Presentation) -> Shape | None:
    """The wait that the order is in; `entries` is its timeline."""
    found = presentation.deadline(source, entries)
    return found and {"reason": found[0].upper(), "at": moment(found[1])}


def actions(source: Order, entries: Sequence[Entry], role: str, presentation: Presentation) -> list[Shape]:
    """What the viewer can do now; `entries` is the order's timeline."""
    wait = presentation.deadline(source, entries)
    until = wait and moment(wait[1])
    return [{"name": name, "until": until} for name in presentation.actions(source, role)]


def whole(source: Order, entries: Sequence[Entry], role: str, presentation: Presentation) -> dict[str, Any]:
    """The schema's Order, all of it, as JSON: for one who takes part in this role. `entries` is its timeline."""
    return {
        **order(source),
        "message": presentation.message(source),
        "actions": actions(source, entries, role, presentation),
        "deadline": deadline(source, entries, presentation),
        "timeline": timeline(source, entries, presentation),
    }


def restaurant(source: Restaurant) -> Shape:
    """A restaurant with its menu."""
    menu = [{"id": i.item_id, "name": i.name, "price": money(i.price, source.currency)} for i in source.menu]
    return {"id": source.id, "name": source.name, "menu": menu}


def errors(refusal: Refused | None) -> list[Shape]:
    """A refusal as user errors: none, or one."""
    return [{"code": refusal.code, "message": refusal.message, "field": refusal.field}] if refusal else []
