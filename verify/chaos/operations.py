"""The GraphQL that the load speaks, and what it reads of an answer."""

from dataclasses import dataclass
from typing import Any

import msgspec

# As much of an order as the history of a client tells.
FIELDS = "id version status payment { status attempt } cancellation { reason } customerId restaurantId courierId"
_TAIL = f"{{ order {{ {FIELDS} }} userErrors {{ code }} }} }}"


def _on_order(field: str, more: str = "", given: str = "") -> str:
    return f"mutation M($id: ID!{more}) {{ payload: {field}(id: $id{given}) {_TAIL}"


MUTATIONS = {
    "placeOrder": f"mutation M($input: PlaceOrderInput!) {{ payload: placeOrder(input: $input) {_TAIL}",
    "cancelOrder": _on_order("cancelOrder"),
    "retryPayment": _on_order("retryPayment", ", $paymentMethod: String!", ", paymentMethod: $paymentMethod"),
    "markOrderReady": _on_order("markOrderReady"),
    "reportOutOfStock": _on_order("reportOutOfStock", ", $items: [ID!]!", ", items: $items"),
    "pickUpOrder": _on_order("pickUpOrder"),
    "deliverOrder": _on_order("deliverOrder"),
    "setStock": "mutation M($itemId: ID!, $quantity: Int!) "
    "{ payload: setStock(itemId: $itemId, quantity: $quantity) { userErrors { code } } }",
    "startShift": "mutation M { payload: startShift { userErrors { code } } }",
    "endShift": "mutation M { payload: endShift { userErrors { code } } }",
}
WATCH = (
    f"subscription W($orderId: ID!, $after: Int!) {{ orderUpdated(orderId: $orderId, after: $after) {{ {FIELDS} }} }}"
)
MENU = "query M($id: ID!) { restaurant(id: $id) { menu { id } } }"
NO_ANSWER = frozenset({"INTERNAL"})  # the server's own trouble: nobody knows what was done

Shape = dict[str, Any]


class Unanswered(Exception):
    """Nobody knows whether it was done; says why."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`code` says why it was refused; empty when it was done."""

    order: Shape | None
    code: str


def placed(status: int, raw: bytes) -> Answer:
    """What came back from POST /orders. Raises Unanswered."""
    if status >= 500:
        raise Unanswered(f"HTTP {status}: {raw[:200].decode(errors='replace')}")
    told: Shape = msgspec.json.decode(raw)
    return Answer(told, "") if status in (200, 201) else Answer(None, str(told.get("code", status)))


def answer(raw: bytes) -> Answer:
    """What came back from a mutation. Raises Unanswered."""
    told: Shape = msgspec.json.decode(raw)
    for error in told.get("errors", ()):
        code = str((error.get("extensions") or {}).get("code", ""))
        if code in NO_ANSWER:
            raise Unanswered(f"{code}: {error.get('message')}")
        return Answer(None, code or "UNNAMED")
    payload: Shape = told["data"]["payload"]
    refusals = payload["userErrors"]
    return Answer(payload.get("order"), refusals[0]["code"] if refusals else "")
