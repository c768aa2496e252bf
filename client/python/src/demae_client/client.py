"""The client: queries and mutations over HTTP, one multiplexed WebSocket for everything that is watched."""

import asyncio
import random
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any, cast
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import httpx

from demae_client import documents
from demae_client.documents import ORDER_FIELDS, Order, Restaurant
from demae_client.errors import Unreachable, UserError, UserErrors
from demae_client.socket import Socket, first_error

ACCEPT = "application/graphql-response+json, application/json"


class Client:
    """One principal's view of demae. Use as an async context manager, or call `close`.

    `url` is the GraphQL address, such as `http://127.0.0.1:8000/graphql`; the WebSocket's is the same with another
    scheme, unless `socket_url` says otherwise. Connects when first used; tests give a `transport` of their own. Every
    method may raise RequestError or Unreachable; those that change an order may raise UserErrors.
    """

    def __init__(
        self,
        url: str,
        token: str = "",
        *,
        socket_url: str | None = None,
        timeout: float = 10.0,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        headers = {"accept": ACCEPT} | ({"authorization": f"Bearer {token}"} if token else {})
        self._url = url
        self._http = httpx.AsyncClient(headers=headers, timeout=timeout, transport=transport)
        self.socket = Socket(socket_url or _socket_url(url), token)

    async def __aenter__(self) -> "Client":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes both connections."""
        await self.socket.close()
        await self._http.aclose()

    async def execute(self, query: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """One request, one attempt: the response's `data`."""
        try:
            response = await self._http.post(self._url, json={"query": query, "variables": variables or {}})
            body = response.json()
        except httpx.HTTPError as error:
            raise Unreachable(f"{self._url}: {error!r}") from error
        except ValueError as error:
            raise Unreachable(f"{self._url}: {response.status_code} without JSON") from error
        if not isinstance(body, dict) or not ("data" in body or "errors" in body):
            raise Unreachable(f"{self._url}: {response.status_code} without a GraphQL response")
        if body.get("errors"):
            raise first_error(body["errors"])
        return cast(dict[str, Any], body["data"])

    async def place_order(
        self,
        restaurant_id: str,
        items: Mapping[str, int],
        payment_method: str = "pm_card_visa",
        *,
        idempotency_key: str | None = None,
        attempts: int = 5,
    ) -> Order:
        """Places an order once, however often it has to ask: each retry re-sends the same idempotency key.

        `items` maps item ids to quantities. Only Unreachable is retried, with jittered back-off.
        """
        lines = [{"itemId": item, "quantity": quantity} for item, quantity in items.items()]
        order = {"restaurantId": restaurant_id, "items": lines, "paymentMethod": payment_method}
        variables = {"input": order | {"idempotencyKey": idempotency_key or str(uuid4())}}
        return _order((await self._repeat(documents.PLACE, variables, attempts))["placeOrder"])

    async def cancel(self, order_id: str) -> Order:
        """Customer: cancel until the courier has picked the order up."""
        return await self._on_order("cancelOrder", order_id)

    async def retry_payment(
        self, order_id: str, payment_method: str, *, attempt: int | None = None, attempts: int = 5
    ) -> Order:
        """Customer: pay a declined order with another card.

        `attempt` is the number this one is to have, the order's `payment["attempt"]` + 1: with it the card is asked
        once, however often this has to ask, and Unreachable is retried as `place_order` does it. Another card for an
        attempt that was made is refused (ATTEMPT_REUSED).
        """
        variables = {"id": order_id, "paymentMethod": payment_method, "attempt": attempt}
        data = await self._repeat(documents.RETRY, variables, 1 if attempt is None else attempts)
        return _order(data["result"])

    async def mark_ready(self, order_id: str) -> Order:
        """Restaurant: the dish is ready."""
        return await self._on_order("markOrderReady", order_id)

    async def report_out_of_stock(self, order_id: str, items: Sequence[str]) -> Order:
        """Restaurant: these items of the order cannot be cooked. It ends the order, and their stock is zero."""
        data = await self.execute(documents.OUT_OF_STOCK, {"id": order_id, "items": list(items)})
        return _order(data["result"])

    async def set_stock(self, item_id: str, quantity: int) -> int:
        """Restaurant: so many of this item are there now."""
        data = await self.execute(documents.STOCK, {"itemId": item_id, "quantity": quantity})
        _refuse(data["setStock"])
        return int(data["setStock"]["quantity"])

    async def pick_up(self, order_id: str) -> Order:
        """Courier: the assigned order is in my hands."""
        return await self._on_order("pickUpOrder", order_id)

    async def deliver(self, order_id: str) -> Order:
        """Courier: the order is with the customer."""
        return await self._on_order("deliverOrder", order_id)

    async def start_shift(self) -> bool:
        """Courier: I take orders from now on. True while on shift."""
        return await self._shift("startShift")

    async def end_shift(self) -> bool:
        """Courier: I take no further orders. True while on shift."""
        return await self._shift("endShift")

    async def order(self, order_id: str) -> Order | None:
        """The order, or None when it is unknown or somebody else's."""
        data = await self.execute(documents.ORDER, {"id": order_id})
        return cast(Order | None, data["order"])

    async def orders(self, *, first: int = 20, only_open: bool | None = None) -> list[Order]:
        """The newest orders this principal takes part in."""
        data = await self.execute(documents.ORDERS, {"first": first, "open": only_open})
        return [edge["node"] for edge in data["orders"]["edges"]]

    async def restaurants(self, *, first: int = 20) -> list[Restaurant]:
        """Restaurants with their menus, by name."""
        data = await self.execute(documents.RESTAURANTS, {"first": first})
        return [edge["node"] for edge in data["restaurants"]["edges"]]

    def watch(
        self, order_id: str, after: int = 0, *, attempts: int | None = None, fields: str = ORDER_FIELDS
    ) -> AsyncGenerator[Order]:
        """Every version after `after`, each once, in order, across reconnects, until settled: see `Socket.watch`."""
        return self.socket.watch(order_id, after, attempts=attempts, fields=fields)

    async def _repeat(self, query: str, variables: Mapping[str, Any], attempts: int) -> dict[str, Any]:
        """`execute` for what may be asked for again; only Unreachable is, with jittered back-off."""
        for attempt in range(1, attempts + 1):
            try:
                return await self.execute(query, variables)
            except Unreachable:
                if attempt == attempts:
                    raise
                await asyncio.sleep(random.uniform(0, min(5.0, 0.1 * 2**attempt)))  # noqa: S311 (jitter)
        raise ValueError("attempts must be at least 1")

    async def _on_order(self, mutation: str, order_id: str) -> Order:
        data = await self.execute(documents.on_order(mutation), {"id": order_id})
        return _order(data["result"])

    async def _shift(self, field: str) -> bool:
        data = await self.execute(documents.SHIFT.format(field=field))
        _refuse(data[field])
        return bool(data[field]["onShift"])


def _order(payload: dict[str, Any]) -> Order:
    _refuse(payload)
    return cast(Order, payload["order"])


def _refuse(payload: dict[str, Any]) -> None:
    if payload["userErrors"]:
        raise UserErrors([UserError(**error) for error in payload["userErrors"]])


def _socket_url(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(scheme="wss" if parts.scheme == "https" else "ws"))
