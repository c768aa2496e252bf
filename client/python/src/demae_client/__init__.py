"""A GraphQL client for demae that loses no version of an order: see README.md for the public API."""

from demae_client.client import Client
from demae_client.documents import (
    ORDER_FIELDS,
    Action,
    Deadline,
    MenuItem,
    Money,
    Order,
    OrderItem,
    Restaurant,
    TimelineEntry,
)
from demae_client.errors import DemaeError, Gap, Lost, Refused, RequestError, Unreachable, UserError, UserErrors
from demae_client.socket import Socket

__all__ = [
    "ORDER_FIELDS",
    "Action",
    "Client",
    "Deadline",
    "DemaeError",
    "Gap",
    "Lost",
    "MenuItem",
    "Money",
    "Order",
    "OrderItem",
    "Refused",
    "RequestError",
    "Restaurant",
    "Socket",
    "TimelineEntry",
    "Unreachable",
    "UserError",
    "UserErrors",
]
