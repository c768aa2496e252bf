"""What tests of notifier and client share: orders' stories, a journal in memory, and servers on a loopback port."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import jwt
from graphql import GraphQLSchema, build_schema
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from chassis.envelope import Record
from chassis.errors import Transient
from notifier import presentation
from notifier.gateway import Server
from notifier.hub import Hub
from notifier.operations import Operations
from notifier.polling import Polls
from notifier.server import Protocol, application, config
from notifier.settings import ALLOWANCES
from notifier.socket import Endpoint
from notifier.tokens import verifier
from notifier.versions import Version, read

ROOT = Path(__file__).resolve().parents[2]
SECRET = "a secret of thirty-two bytes at least"
START = datetime(2026, 11, 24, 20, 0, tzinfo=UTC)
PROTOCOL = Subprotocol("graphql-transport-ws")
SAID = presentation.load(ROOT / "contracts" / "presentation.json", ALLOWANCES)

HAPPY = [
    ("order_created", "PLACED", "PENDING"),
    ("payment_completed", "PAID", "COMPLETED"),
    ("delivery_assigned", "COURIER_ASSIGNED", "COMPLETED"),
    ("order_accepted", "ACCEPTED", "COMPLETED"),
    ("order_ready", "READY", "COMPLETED"),
    ("order_picked_up", "PICKED_UP", "COMPLETED"),
    ("order_delivered", "DELIVERED", "COMPLETED"),
]
CANCELLED = [*HAPPY[:2], ("order_cancelled", "CANCELLED", "REFUNDING"), ("payment_refunded", "CANCELLED", "REFUNDED")]


def schema() -> GraphQLSchema:
    """contracts/schema.graphql."""
    return build_schema((ROOT / "contracts" / "schema.graphql").read_text())


@dataclass(frozen=True)
class Step:
    """One version of an order, ready to be journalled, published or read."""

    document: dict[str, Any]
    event: str
    at: datetime

    @property
    def payload(self) -> str:
        return json.dumps(self.document)

    @property
    def version(self) -> Version:
        return read(self.payload, self.event, self.at)

    @property
    def record(self) -> Record:
        headers = [("ce_type", self.event.encode()), ("ce_time", self.at.isoformat().encode()), ("traceparent", None)]
        key = str(self.document["id"]).encode()
        return Record("orders.journal", 0, 0, key, self.payload.encode(), headers)


def story(order_id: str, steps: Sequence[tuple[str, str, str]] = HAPPY, courier: str = "courier-1") -> list[Step]:
    """An order's versions 1 … n. ada ordered at sobaya; `courier` appears with delivery_assigned."""
    made = []
    carried_by = None
    for number, (event, status, payment) in enumerate(steps, 1):
        carried_by = courier if event == "delivery_assigned" else carried_by
        document = {
            "id": order_id, "version": number, "status": status, "since": number,
            "customer_id": "ada", "restaurant_id": "sobaya", "restaurant_name": "Sobaya", "courier_id": carried_by,
            "items": [
                {"item_id": "soba", "name": "Soba", "quantity": 2, "unit_price": 950},
                {"item_id": "tea", "name": "Genmaicha", "quantity": 1, "unit_price": 350},
            ],
            "total": 2250, "currency": "EUR",
            "payment": {"status": payment, "attempt": 1, "failure": None},
            "cancellation": {"reason": "CUSTOMER"} if status == "CANCELLED" else None,
        }  # fmt: skip
        made.append(Step(document, event, START + timedelta(seconds=number)))
    return made


def token(sub: str = "ada", role: str = "customer", seconds: float = 3600, **claims: Any) -> str:
    """A signed token; claims of None are left out."""
    body = {"sub": sub, "role": role, "aud": "demae", "exp": time.time() + seconds} | claims
    return jwt.encode({name: value for name, value in body.items() if value is not None}, SECRET, "HS256")


@dataclass
class MemoryJournal:
    """A journal whose rows appear when a test says so, and whose answers can be held back."""

    rows: dict[str, list[Step]] = field(default_factory=dict)
    reads: int = 0
    away: bool = False
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    began: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    def append(self, step: Step) -> None:
        self.rows.setdefault(step.document["id"], []).append(step)

    async def read(self, order_id: str) -> list[Version]:
        """What is there when the read begins; answered when the gate is open."""
        self.reads += 1
        seen = [step.version for step in self.rows.get(order_id, [])]
        away = self.away
        self.began.set()
        await asyncio.sleep(0)
        await self.gate.wait()
        if away:
            raise Transient("away")
        return seen

    async def heads(self, order_ids: Sequence[str]) -> dict[str, int]:
        if self.away:
            raise Transient("away")
        return {order_id: len(self.rows[order_id]) for order_id in order_ids if order_id in self.rows}


async def until(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    """Waits for a condition by asking again; fails after a deadline."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        await asyncio.sleep(0.002)


@dataclass
class Running:
    """A notifier on a loopback port."""

    hub: Hub
    server: Server
    port: int

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/graphql"

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def publish(self, *steps: Step) -> None:
        """As the feed would hand them over."""
        self.hub.deliver([step.record for step in steps])


@asynccontextmanager
async def running(
    hub: Hub, *, port: int = 0, init_seconds: float = 5.0, protocol: type[Protocol] = Protocol
) -> AsyncIterator[Running]:
    """A real uvicorn with notifier's endpoint; closes its sockets with 1012 at the end."""
    polls = Polls(hub, verifier(SECRET))
    app = application(Endpoint(hub, Operations(schema()), verifier(SECRET), init_seconds), polls)
    server = Server(config(app, "127.0.0.1", port, protocol), polls.drain)
    task = asyncio.create_task(server.serve())
    await until(lambda: server.started or task.done())
    try:
        yield Running(hub, server, server.servers[0].sockets[0].getsockname()[1])
    finally:
        server.should_exit = True
        await task


class Raw:
    """A socket that speaks frames, for tests of the protocol itself."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def send(self, message: object) -> None:
        await self.connection.send(message if isinstance(message, (str, bytes)) else json.dumps(message))

    async def receive(self) -> Any:
        async with asyncio.timeout(5):
            return json.loads(await self.connection.recv())

    async def init(self, bearer: str | None = None) -> None:
        await self.send({"type": "connection_init", "payload": {"authorization": f"Bearer {bearer or token()}"}})
        assert await self.receive() == {"type": "connection_ack"}

    async def subscribe(self, order_id: str, after: int = 0, id_: str = "1", fields: str = "version status") -> None:
        query = f"subscription($id: ID!, $after: Int!) {{ orderUpdated(orderId: $id, after: $after) {{ {fields} }} }}"
        payload = {"query": query, "variables": {"id": order_id, "after": after}}
        await self.send({"id": id_, "type": "subscribe", "payload": payload})

    async def versions(self, count: int) -> list[int]:
        """The versions of the next `count` messages, which must all be `next`."""
        return [(await self.receive())["payload"]["data"]["orderUpdated"]["version"] for _ in range(count)]

    async def closed(self) -> tuple[int | None, str | None]:
        """Waits for the close; -> code and reason."""
        async with asyncio.timeout(5):
            await self.connection.wait_closed()
        return self.connection.close_code, self.connection.close_reason


@asynccontextmanager
async def raw(url: str, subprotocols: Sequence[Subprotocol] | None = (PROTOCOL,)) -> AsyncIterator[Raw]:
    """A connection that has said nothing yet."""
    async with connect(url, subprotocols=subprotocols, compression=None) as connection:
        yield Raw(connection)


def new_order_id() -> str:
    """A canonical UUID."""
    return str(uuid4())


def numbers(steps: Sequence[Step]) -> Iterator[int]:
    """Their versions."""
    return (step.document["version"] for step in steps)
