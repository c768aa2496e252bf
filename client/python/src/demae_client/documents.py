"""The GraphQL texts this client sends, and the shapes it gets back."""

from typing import TypedDict


class Money(TypedDict):
    """Minor units: 1250 is 12.50."""

    amount: int
    currency: str


class OrderItem(TypedDict):
    """One line of an order; the price is the one at order time."""

    itemId: str
    name: str
    quantity: int
    unitPrice: Money


class Payment(TypedDict):
    """`attempt` counts the cards; `failure` is the provider's code while status is FAILED or REFUND_FAILED."""

    status: str
    attempt: int
    failure: str | None


class Cancellation(TypedDict):
    """Why the order ended early."""

    reason: str


class Action(TypedDict):
    """What the viewer can do; not before `until` (RFC 3339 in UTC) does that end, None: it has no limit."""

    name: str
    until: str | None


class Deadline(TypedDict):
    """What the order would be cancelled for, and not before which moment (RFC 3339 in UTC)."""

    reason: str
    at: str


class TimelineEntry(TypedDict):
    """The fact that made a version; `at` is RFC 3339 in UTC."""

    version: int
    event: str
    message: str
    reason: str | None
    status: str
    at: str


class Order(TypedDict):
    """An order as the convenience functions return it: `ORDER_FIELDS` selected."""

    id: str
    version: int
    status: str
    message: str
    actions: list[Action]
    deadline: Deadline | None
    payment: Payment
    cancellation: Cancellation | None
    customerId: str
    restaurantId: str
    restaurantName: str
    courierId: str | None
    items: list[OrderItem]
    total: Money
    timeline: list[TimelineEntry]


class MenuItem(TypedDict):
    """A dish and its price today."""

    id: str
    name: str
    price: Money


class Restaurant(TypedDict):
    """A restaurant with its menu."""

    id: str
    name: str
    menu: list[MenuItem]


ORDER_FIELDS = """
  id version status message customerId restaurantId restaurantName courierId
  actions { name until } deadline { reason at }
  payment { status attempt failure } cancellation { reason }
  items { itemId name quantity unitPrice { amount currency } }
  total { amount currency }
  timeline { version event message reason status at }
"""

PLACE = f"""mutation PlaceOrder($input: PlaceOrderInput!) {{
  placeOrder(input: $input) {{ order {{ {ORDER_FIELDS} }} userErrors {{ code message field }} }}
}}"""

ORDER = f"""query Order($id: ID!) {{ order(id: $id) {{ {ORDER_FIELDS} }} }}"""

ORDERS = f"""query Orders($first: Int!, $open: Boolean) {{
  orders(first: $first, open: $open) {{ edges {{ node {{ {ORDER_FIELDS} }} }} }}
}}"""

RESTAURANTS = """query Restaurants($first: Int!) {
  restaurants(first: $first) { edges { node { id name menu { id name price { amount currency } } } } }
}"""

RETRY = f"""mutation RetryPayment($id: ID!, $paymentMethod: String!, $attempt: Int) {{
  result: retryPayment(id: $id, paymentMethod: $paymentMethod, attempt: $attempt) {{
    order {{ {ORDER_FIELDS} }} userErrors {{ code message field }}
  }}
}}"""

OUT_OF_STOCK = f"""mutation ReportOutOfStock($id: ID!, $items: [ID!]!) {{
  result: reportOutOfStock(id: $id, items: $items) {{
    order {{ {ORDER_FIELDS} }} userErrors {{ code message field }}
  }}
}}"""

STOCK = """mutation SetStock($itemId: ID!, $quantity: Int!) {
  setStock(itemId: $itemId, quantity: $quantity) { quantity userErrors { code message field } }
}"""

SHIFT = "mutation Shift {{ {field} {{ onShift userErrors {{ code message field }} }} }}"


def on_order(mutation: str) -> str:
    """The text of a mutation that takes an order's id and returns the order."""
    return f"""mutation OnOrder($id: ID!) {{
  result: {mutation}(id: $id) {{ order {{ {ORDER_FIELDS} }} userErrors {{ code message field }} }}
}}"""


def order_updated(fields: str) -> str:
    """The subscription's text; `version`, the cursor, is always selected."""
    return f"""subscription OrderUpdated($orderId: ID!, $after: Int!) {{
  orderUpdated(orderId: $orderId, after: $after) {{ version {fields} }}
}}"""
