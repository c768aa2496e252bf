"""The load: customers who place and watch, and couriers without any delay, in one lean process."""

import asyncio
import itertools
import time
import uuid
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

import msgspec

from bench import operations
from bench.http import Http, HttpError
from bench.orders import Placed, Sighting
from bench.principals import mint
from bench.watches import Push, Watches

CUSTOMERS = 4  # each has its own socket; all of its orders share it
CONNECTIONS = 32


class LoadError(Exception):
    """The system refused what the load needs; the run cannot begin."""


@dataclass(frozen=True)
class Target:
    """What is measured, and with whom: `couriers` of the run's own, and a kitchen that cooks in no time."""

    url: str
    jwt_secret: str
    restaurant: str = "bench-kitchen"
    couriers: int = 400


class Load:
    """Opens its sockets in `open`, then `place` may be called at any rate. Everything runs on one event loop."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._http = Http(f"{target.url}/graphql", CONNECTIONS)
        self._customers: list[tuple[bytes, Watches]] = []
        self._turns = itertools.count()
        self._couriers: dict[str, bytes] = {}
        self._item = ""
        self._tasks: set[asyncio.Task[None]] = set()
        self.orders: list[Placed] = []
        self._by_id: dict[str, Placed] = {}
        self._open = 0
        self._room = asyncio.Event()

    @property
    def in_flight(self) -> int:
        """Orders that are due and have not ended."""
        return self._open

    @property
    def failures(self) -> list[str]:
        """Sockets that broke."""
        return [watches.failure for _, watches in self._customers if watches.failure]

    async def open(self) -> None:
        """Put the couriers on shift, read the menu, connect the customers. Raises LoadError or HttpError."""
        await self._read_menu()
        await self._shift(operations.START_SHIFT)
        for number in range(CUSTOMERS):
            token = mint(f"bench-customer-{number}", "customer", self._target.jwt_secret)
            watches = Watches(f"{self._target.url}/graphql", token, self._seen, self._ended)
            await watches.open()
            self._customers.append((self._http.head(token), watches))

    async def close(self) -> None:
        """Send the couriers home, and close every socket."""
        await self._shift(operations.END_SHIFT)
        for _, watches in self._customers:
            await watches.close()
        self._http.close()

    def begin(self, due: float) -> None:
        """Place one order now; it was due at unix time `due`."""
        order = Placed(uuid.uuid4().hex, due)
        self.orders.append(order)
        self._open += 1
        self._run(order, self._place(order))

    async def room(self, window: int) -> None:
        """Wait until fewer than `window` orders are in flight."""
        while self._open >= window:
            self._room.clear()
            await self._room.wait()

    async def drain(self, seconds: float) -> None:
        """Wait until every order has ended, at most so long."""
        try:
            async with asyncio.timeout(seconds):
                await self.room(1)
        except TimeoutError:
            return

    async def _shift(self, document: str) -> None:
        names = [f"bench-courier-{number:03}" for number in range(self._target.couriers)]
        await asyncio.gather(*(self._act(self._courier(name), document, None) for name in names))

    async def _read_menu(self) -> None:
        head = self._http.head(mint("bench", "support", self._target.jwt_secret))
        body = msgspec.json.encode({"query": operations.MENU, "variables": {"id": self._target.restaurant}})
        answer = msgspec.json.decode(await self._http.post(head, body))
        menu = ((answer.get("data") or {}).get("restaurant") or {}).get("menu")
        if not menu:
            raise LoadError(f"There is no restaurant {self._target.restaurant} with a menu: {answer}")
        self._item = menu[0]["id"]

    def _courier(self, name: str) -> bytes:
        if name not in self._couriers:
            self._couriers[name] = self._http.head(mint(name, "courier", self._target.jwt_secret))
        return self._couriers[name]

    def _run(self, order: Placed, work: Coroutine[Any, Any, None]) -> None:
        async def guarded() -> None:
            try:
                await work
            except (HttpError, LoadError, msgspec.MsgspecError) as error:
                self._end(order, str(error))

        task = asyncio.create_task(guarded())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _place(self, order: Placed) -> None:
        head, watches = self._customers[next(self._turns) % CUSTOMERS]
        line = {"itemId": self._item, "quantity": 1}
        wanted = {"idempotencyKey": order.key, "restaurantId": self._target.restaurant, "items": [line]}
        variables = {"input": wanted | {"paymentMethod": "pm_card_visa"}}
        raw = await self._http.post(head, msgspec.json.encode({"query": operations.PLACE, "variables": variables}))
        answer = operations.place_answers.decode(raw)
        if answer.data is None or answer.data.placeOrder.order is None:
            raise LoadError(f"placeOrder was refused: {raw.decode()}")
        order.acknowledged = time.time()
        order.id = answer.data.placeOrder.order.id
        self._by_id[order.id] = order
        await watches.watch(order.id)

    def _seen(self, push: Push, now: float) -> None:
        order = self._by_id[push.id]
        order.pushes.append(Sighting(push.version, push.status, now))
        if push.status == "READY" and push.courierId is not None:
            self._run(order, self._carry(order, self._courier(push.courierId)))

    async def _carry(self, order: Placed, courier: bytes) -> None:
        await self._act(courier, operations.PICK_UP, order.id)
        await self._act(courier, operations.DELIVER, order.id)

    async def _act(self, head: bytes, document: str, order_id: str | None) -> None:
        body = {"query": document, "variables": {} if order_id is None else {"id": order_id}}
        raw = await self._http.post(head, msgspec.json.encode(body))
        answer = operations.payload_answers.decode(raw)
        if answer.data is None or answer.data.payload.userErrors:
            raise LoadError(f"{document.split('{', 1)[0]}was refused: {raw.decode()}")

    def _ended(self, order_id: str, error: str | None) -> None:
        self._end(self._by_id[order_id], error or "")

    def _end(self, order: Placed, error: str) -> None:
        order.error = order.error or error
        if not order.ended:
            order.ended = time.time()
            self._open -= 1
            self._room.set()
