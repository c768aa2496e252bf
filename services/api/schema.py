"""The GraphQL schema with its resolvers: who may ask, then one call of commands or queries."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ariadne import MutationType, ObjectType, QueryType, load_schema_from_path, make_executable_schema
from graphql import GraphQLResolveInfo, GraphQLSchema

from api import cursors, domain, meters, queries, shapes
from api.commands import Outcome, Request
from api.domain import Code, Line, Order, Refused
from api.errors import RequestError
from api.events import StockSet
from api.presentation import Presentation
from api.principal import Principal, Role
from api.shapes import Shape

Info = GraphQLResolveInfo
query = QueryType()
mutation = MutationType()
order_type = ObjectType("Order")

# -- queries -----------------------------------------------------------------------------------------------------------


@query.field("viewer")
def viewer(_: None, info: Info) -> Shape | None:
    principal = info.context.principal
    return principal and {"id": principal.id, "role": principal.role.upper()}


def shown(order: Order) -> Shape:
    """An order for the executor; `source` is for the resolvers of what depends on more than the document."""
    return shapes.order(order) | {"source": order}


def takes_part(principal: Principal, order: Order) -> bool:
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
    return shown(found) if found and takes_part(principal, found) else None


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
    return cursors.connection(found, size, shown, lambda order: cursors.encode(order.id))


@order_type.field("message")
def resolve_message(order: Shape, info: Info) -> str:
    presentation: Presentation = info.context.presentation
    return presentation.message(order["source"])


@order_type.field("timeline")
async def resolve_timeline(order: Shape, info: Info) -> list[Shape]:
    return shapes.timeline(order["source"], await info.context.timelines.load(order["id"]), info.context.presentation)


@order_type.field("deadline")
async def resolve_deadline(order: Shape, info: Info) -> Shape | None:
    return shapes.deadline(order["source"], await info.context.timelines.load(order["id"]), info.context.presentation)


@order_type.field("actions")
async def resolve_actions(order: Shape, info: Info) -> list[Shape]:
    role = info.context.need(*Role).role
    entries = await info.context.timelines.load(order["id"])
    return shapes.actions(order["source"], entries, role, info.context.presentation)


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
    """What a mutation of an order answers: a refusal is data."""
    return {"order": outcome.order and shown(outcome.order), "userErrors": errors(outcome.refusal)}


def errors(refusal: Refused | None) -> list[Shape]:
    """A refusal as user errors; it is counted."""
    if refusal:
        meters.refusals.labels(refusal.code).inc()
    return shapes.errors(refusal)


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


@mutation.field("retryPayment")
async def retry_payment(
    _: None,
    info: Info,
    id: str,  # noqa: A002
    paymentMethod: str,  # noqa: N803 - the schema's name
    attempt: int | None = None,
) -> Shape:
    return await act(info, id, Role.CUSTOMER, lambda who: domain.RetryPayment(who, paymentMethod, attempt))


@mutation.field("markOrderReady")
async def mark_order_ready(_: None, info: Info, id: str) -> Shape:  # noqa: A002
    return await act(info, id, Role.RESTAURANT, domain.MarkReady)


@mutation.field("reportOutOfStock")
async def report_out_of_stock(_: None, info: Info, id: str, items: list[str]) -> Shape:  # noqa: A002
    return await act(info, id, Role.RESTAURANT, lambda who: domain.ReportOutOfStock(who, tuple(items)))


@mutation.field("setStock")
async def set_stock(_: None, info: Info, itemId: str, quantity: int) -> Shape:  # noqa: N803 - the schema's name
    restaurant = info.context.need(Role.RESTAURANT)
    stock = StockSet(itemId, quantity)
    refusal = await info.context.commands.set_stock(restaurant.id, stock, info.context.trace)
    return {"itemId": itemId, "quantity": None if refusal else quantity, "userErrors": errors(refusal)}


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
    return make_executable_schema(load_schema_from_path(str(path)), query, mutation, order_type)
