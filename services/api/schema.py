"""The GraphQL schema with its resolvers: who may ask, then one call of commands or queries."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from ariadne import MutationType, ObjectType, QueryType, ScalarType, load_schema_from_path, make_executable_schema
from graphql import GraphQLResolveInfo, GraphQLSchema

from api import cursors, domain, meters, queries, shapes
from api.commands import Commands, Outcome, Request
from api.domain import Code, Line, Refused
from api.errors import Forbidden, RequestError, Unauthenticated
from api.principal import Principal, Role
from api.shapes import Shape
from chassis.database import AsyncDatabase


class Timelines:
    """Loads the timelines that one request asks for with one statement, however many orders it lists."""

    def __init__(self, database: AsyncDatabase) -> None:
        self._database = database
        self._wanted: dict[str, asyncio.Future[list[queries.Entry]]] = {}
        self._tasks: list[asyncio.Task[None]] = []  # the event loop itself holds tasks weakly

    def load(self, order_id: str) -> "asyncio.Future[list[queries.Entry]]":
        """The timeline of one order, once this turn of the event loop has collected all that are wanted."""
        if not self._wanted:
            self._tasks.append(asyncio.create_task(self._answer()))
        return self._wanted.setdefault(order_id, asyncio.get_running_loop().create_future())

    async def _answer(self) -> None:
        wanted, self._wanted = self._wanted, {}
        try:
            async with self._database.connection() as db:
                found = await queries.timelines(db, list(wanted))
            for order_id, future in wanted.items():
                future.set_result(found[order_id])
        except Exception as error:
            for future in wanted.values():
                if not future.done():
                    future.set_exception(error)


@dataclass
class Context:
    """What a request's resolvers know."""

    principal: Principal | None
    trace: str | None
    database: AsyncDatabase
    commands: Commands
    timelines: Timelines = field(init=False)

    def __post_init__(self) -> None:
        self.timelines = Timelines(self.database)

    def need(self, *roles: Role) -> Principal:
        """The principal, when it has one of the roles."""
        if self.principal is None:
            raise Unauthenticated("Send a token: Authorization: Bearer …")
        if self.principal.role not in roles:
            raise Forbidden(f"This is for: {', '.join(roles)}.")
        return self.principal


Info = GraphQLResolveInfo
query = QueryType()
mutation = MutationType()
order_type = ObjectType("Order")
date_time = ScalarType("DateTime")


@date_time.serializer
def serialize_date_time(value: datetime) -> str:
    return value.isoformat().replace("+00:00", "Z")


# -- queries -----------------------------------------------------------------------------------------------------------


@query.field("viewer")
def viewer(_: None, info: Info) -> Shape | None:
    principal = info.context.principal
    return principal and {"id": principal.id, "role": principal.role.upper()}


def takes_part(principal: Principal, order: domain.Order) -> bool:
    """Whether the order is the principal's own, in its role."""
    mine = {
        Role.CUSTOMER: order.customer_id,
        Role.RESTAURANT: order.restaurant_id,
        Role.COURIER: order.courier_id,
        Role.SUPPORT: principal.id,
    }
    return mine[principal.role] == principal.id


@query.field("order")
async def resolve_order(_: None, info: Info, id: str) -> Shape | None:  # noqa: A002 - the schema's name
    principal = info.context.need(*Role)
    order_id = cursors.uuid_or_none(id)
    if order_id is None:
        return None
    async with info.context.database.connection() as db:
        found = await queries.order(db, order_id)
    return shapes.order(found) if found and takes_part(principal, found) else None


@query.field("orders")
async def resolve_orders(
    _: None,
    info: Info,
    first: int | None = None,
    after: str | None = None,
    open: bool | None = None,  # noqa: A002
) -> Shape:
    principal = info.context.need(*Role)
    size = cursors.bounded(first)
    before = cursors.uuid_or_none(cursors.decode(after, 1)[0]) if after else queries.LAST_ID
    if before is None:
        raise RequestError("`after` is not a cursor of this list.")
    everybody = principal.role is Role.SUPPORT
    mine = {} if everybody else {str(principal.role): principal.id}
    page = queries.Page(size + 1, before, closed=not open, everybody=everybody, **mine)
    async with info.context.database.connection() as db:
        found = await queries.orders(db, page)
    return cursors.connection(found, size, shapes.order, lambda order: cursors.encode(order.id))


@order_type.field("timeline")
async def resolve_timeline(order: Shape, info: Info) -> list[queries.Entry]:
    entries: list[queries.Entry] = await info.context.timelines.load(order["id"])
    return [entry for entry in entries if entry.version <= order["version"]]


@query.field("restaurants")
async def resolve_restaurants(_: None, info: Info, first: int | None = None, after: str | None = None) -> Shape:
    size = cursors.bounded(first)
    name, key = cursors.decode(after, 2) if after else ("", "")
    async with info.context.database.connection() as db:
        found = await queries.restaurants(db, (name, key), size + 1)
    return cursors.connection(found, size, shapes.restaurant, lambda r: cursors.encode(r.name, r.id))


@query.field("restaurant")
async def resolve_restaurant(_: None, info: Info, id: str) -> Shape | None:  # noqa: A002
    if not id.isprintable():
        return None
    async with info.context.database.connection() as db:
        found = await queries.restaurant(db, id)
    return shapes.restaurant(found.restaurant) if found else None


# -- mutations ---------------------------------------------------------------------------------------------------------


@mutation.field("placeOrder")
async def place_order(_: None, info: Info, input: dict[str, Any]) -> Shape:  # noqa: A002
    principal = info.context.need(Role.CUSTOMER)
    lines = tuple(Line(line["itemId"], line["quantity"]) for line in input["items"])
    request = Request(principal.id, input["idempotencyKey"], input["restaurantId"], lines, input["paymentMethod"])
    return payload(await info.context.commands.place(request, info.context.trace))


def payload(outcome: Outcome) -> Shape:
    """What a mutation answers; refusals are counted."""
    if outcome.refusal:
        meters.refusals.labels(outcome.refusal.code).inc()
    return shapes.outcome(outcome)


async def act(info: Info, id: str, role: Role, command: Callable[[str], domain.Command]) -> Shape:  # noqa: A002
    """A command of one role on one order."""
    principal = info.context.need(role)
    order_id = cursors.uuid_or_none(id)
    if order_id is None:
        return payload(Outcome(None, Refused(Code.ORDER_NOT_FOUND, "You have no such order.", "id")))
    return payload(await info.context.commands.act(order_id, command(principal.id), info.context.trace))


@mutation.field("cancelOrder")
async def cancel_order(_: None, info: Info, id: str) -> Shape:  # noqa: A002
    return await act(info, id, Role.CUSTOMER, domain.Cancel)


@mutation.field("markOrderReady")
async def mark_order_ready(_: None, info: Info, id: str) -> Shape:  # noqa: A002
    return await act(info, id, Role.RESTAURANT, domain.MarkReady)


@mutation.field("pickUpOrder")
async def pick_up_order(_: None, info: Info, id: str) -> Shape:  # noqa: A002
    return await act(info, id, Role.COURIER, domain.PickUp)


@mutation.field("deliverOrder")
async def deliver_order(_: None, info: Info, id: str) -> Shape:  # noqa: A002
    return await act(info, id, Role.COURIER, domain.Deliver)


@mutation.field("startShift")
async def start_shift(_: None, info: Info) -> Shape:
    return await shift(info, on=True)


@mutation.field("endShift")
async def end_shift(_: None, info: Info) -> Shape:
    return await shift(info, on=False)


async def shift(info: Info, *, on: bool) -> Shape:
    courier = info.context.need(Role.COURIER)
    return {"onShift": await info.context.commands.shift(courier.id, on=on, trace=info.context.trace), "userErrors": []}


def executable(path: Path) -> GraphQLSchema:
    """The schema of the SDL file, bound; raises when a resolver names a field that the file has not."""
    return make_executable_schema(load_schema_from_path(str(path)), query, mutation, order_type, date_time)
