"""api on a real Postgres: its GraphQL without a socket, its projector on a broker in memory; and the tables."""

import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import jwt
import psycopg

from api import events, rest, settings
from api.__main__ import build
from api.app import GraphQL, route
from api.codec import fact_of, text
from api.commands import Commands
from api.domain import ALLOWANCES, replay
from api.handlers import TOPICS, Projector
from api.presentation import Presentation
from api.principal import Tokens
from api.schema import executable
from chassis.consumer import Consumer
from chassis.database import AsyncDatabase, Database
from chassis.envelope import Event, Record
from chassis.testing import FakeBroker
from tests.support.batches import batch

SECRET = "a secret of at least thirty-two bytes"
MENU = '[{"item_id":"soba","name":"Soba","price":900},{"item_id":"tea","name":"Tea","price":250}]'
RESTAURANT = "INSERT INTO restaurant (id, name, currency, menu, revision) VALUES (%s, %s, 'EUR', %s, gen_random_uuid())"
FIELDS = "{ order { id version status courierId payment { status } cancellation { reason } total { amount currency } }"
ERRORS = "userErrors { code message field } }"
PLACE = f"mutation($input: PlaceOrderInput!) {{ placeOrder(input: $input) {FIELDS} {ERRORS} }}"


@dataclass(frozen=True)
class Who:
    """A principal of a test."""

    id: str
    role: str

    def token(self, **claims: Any) -> str:
        """A bearer token; `claims` win."""
        body = {"sub": self.id, "role": self.role, "aud": "demae", "exp": int(time.time()) + 600, **claims}
        return jwt.encode({k: v for k, v in body.items() if v is not None}, SECRET, "HS256")


ANN = Who("c-ann", "customer")
BOB = Who("c-bob", "customer")
SOBA = Who("r-soba", "restaurant")
UDON = Who("r-udon", "restaurant")
KEN = Who("k-ken", "courier")
LEO = Who("k-leo", "courier")
HELP = Who("s-help", "support")


WAY = (events.PaymentCompleted(1), events.DeliveryAssigned(1, KEN.id), events.OrderAccepted())
"""What the other services say about an order until it is accepted."""


def wish(**changes: Any) -> dict[str, Any]:
    """The input of placeOrder, with a key of its own."""
    lines = [{"itemId": "soba", "quantity": 2}]
    wanted = {
        "idempotencyKey": str(uuid.uuid4()),
        "restaurantId": SOBA.id,
        "items": lines,
        "paymentMethod": "pm_card_visa",
    }
    return wanted | changes


class House:
    """One database with two restaurants in it."""

    def __init__(self, url: Callable[..., str]) -> None:
        self.url = url("api")
        self._admin = url("postgres")
        self.broker = FakeBroker(dict.fromkeys(TOPICS, 2))
        with psycopg.connect(self.url) as db:
            for key, name in ((SOBA.id, "Soba"), (UDON.id, "Udon")):
                db.execute(RESTAURANT, (key, name, MENU))

    def ask(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Look, or meddle, from outside as the superuser."""
        with psycopg.connect(self._admin, autocommit=True, options="-c search_path=api") as db:
            cursor = db.execute(query.encode(), values)
            return cursor.fetchall() if cursor.description else []

    def counts(self) -> dict[str, int]:
        """Rows in every table a mutation writes."""
        tables = ("orders", "outbox", "journal", "placement", "shift")
        return {table: self.ask(f"SELECT count(*) FROM {table}")[0][0] for table in tables}

    def journal(self, order_id: str) -> list[tuple[int, str]]:
        """(version, type), in order."""
        return self.ask("SELECT version, type FROM journal WHERE order_id = %s ORDER BY version", order_id)

    def published(self, key: str) -> list[str]:
        """The types in the outbox for this key, by seq."""
        return [row[0] for row in self.ask("SELECT type FROM outbox WHERE key = %s ORDER BY seq", key)]

    def fold(self, key: str, *facts: Any) -> None:
        """The projector's handler on one batch of facts of other services."""
        database = Database(self.url, "test", 1)
        with database.transaction() as tx:
            Projector(ALLOWANCES).handle(tx, batch(events.READS, [(key, fact) for fact in facts]))
        database.close()

    def accept(self, order_id: str) -> None:
        """Paid, assigned to Ken, accepted by the restaurant."""
        self.fold(order_id, *WAY)

    def consumer(self) -> Consumer:
        """The projector, not started."""
        return build(Database(self.url, "test"), self.broker.log("api"), ALLOWANCES)

    def say(self, key: str, *facts: Any, source: str = "elsewhere") -> list[Record]:
        """Publish events as the connector would."""
        return [self.broker.publish(_event(key, fact), source) for fact in facts]

    def flow(self, key: str) -> None:
        """Carry this key's `deadline_passed` from the outbox to the log: what CDC does."""
        rows = self.ask("SELECT id, payload FROM outbox WHERE key = %s AND type = 'deadline_passed' ORDER BY seq", key)
        for event_id, payload in rows:
            headers = {"ce_id": str(event_id), "ce_type": "deadline_passed", "ce_source": "api", "ce_time": _now()}
            self.broker.append("orders.events", key.encode(), payload.encode(), headers)


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())


def _event(key: str, fact: Any) -> Event:
    kind = type(fact)
    return Event(_topic(fact), key, events.TYPES[kind], fact, schema_version=events.VERSIONS.get(kind, 1))


def _topic(fact: Any) -> str:
    topics = {events.Tick: "ticks", events.MenuPublished: "restaurants.events"}
    return topics.get(type(fact), "orders.events")


class Client:
    """A GraphQL client of the application, for any principal."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def post(self, query: str, who: Who | None = None, **variables: Any) -> dict[str, Any]:
        """The whole answer."""
        headers = {"authorization": f"Bearer {who.token()}"} if who else {}
        answer = await self.http.post("/graphql", json={"query": query, "variables": variables}, headers=headers)
        result: dict[str, Any] = answer.json()
        return result

    async def code(self, query: str, who: Who | None = None, **variables: Any) -> str:
        """The code of the one request error."""
        (error,) = (await self.post(query, who, **variables))["errors"]
        return str(error["extensions"]["code"])

    async def place(self, who: Who = ANN, **changes: Any) -> dict[str, Any]:
        """The payload of placeOrder."""
        answer = await self.post(PLACE, who, input=wish(**changes))
        payload: dict[str, Any] = answer["data"]["placeOrder"]
        return payload

    async def placed(self) -> str:
        """The id of a new order of Ann's."""
        return str((await self.place())["order"]["id"])

    async def act(self, name: str, who: Who, order_id: str) -> dict[str, Any]:
        """The payload of a mutation on one order."""
        answer = await self.post(f"mutation($id: ID!) {{ {name}(id: $id) {FIELDS} {ERRORS} }}", who, id=order_id)
        payload: dict[str, Any] = answer["data"][name]
        return payload


def assert_replays(house: House, order_id: str) -> None:
    """Versions gapless; the fold of the journal's facts equals every stored document, byte for byte."""
    recorded = house.ask("SELECT type, data, payload FROM journal WHERE order_id = %s ORDER BY version", order_id)
    facts = [fact_of(kind, data) for kind, data, _ in recorded]
    documents = [document for _, _, document in recorded]
    assert [text(replay(order_id, facts[:n])) for n in range(1, len(facts) + 1)] == documents
    assert house.ask("SELECT document FROM orders WHERE id = %s", order_id) == [(documents[-1],)]


def refusals(payload: dict[str, Any]) -> list[tuple[str, str | None]]:
    """(code, field) of the payload's userErrors."""
    return [(error["code"], error["field"]) for error in payload["userErrors"]]


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Client]:
    """The application on this database."""
    database = AsyncDatabase(url, "test", 4)
    presentation = Presentation.load(settings.PRESENTATION, ALLOWANCES)
    commands = Commands(database, ALLOWANCES)
    endpoint = GraphQL(executable(settings.SDL), database, commands, Tokens(SECRET), presentation)
    orders = rest.Orders(database, commands, Tokens(SECRET), presentation)
    transport = httpx.ASGITransport(rest.application(orders, route(endpoint)))
    await database.open()
    async with httpx.AsyncClient(transport=transport, base_url="http://api") as http:
        yield Client(http)
    await database.close()
