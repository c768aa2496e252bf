"""POST /orders: the placing of an order for clients that speak no GraphQL. It is followed by GET /orders/{id}, which
notifier answers. Errors are problems (RFC 9457); contracts/openapi.yaml has them all."""

import time

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Lifespan

from api import domain, meters, queries, shapes
from api.app import PLAIN, Refusal, body_of, trace_of
from api.commands import Commands, Outcome
from api.commands import Request as Wish
from api.presentation import Presentation
from api.principal import InvalidToken, Principal, Role, Tokens
from api.refusals import Code, Refused
from chassis import problems
from chassis.database import AsyncDatabase
from chassis.errors import Transient
from chassis.problems import Problem
from chassis.telemetry import log

KEY = "Idempotency-Key"


class Line(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """One line of the body."""

    item_id: str
    quantity: int


class Body(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """PlaceOrderInput of the schema, without the key."""

    restaurant_id: str
    items: list[Line]
    payment_method: str


_decoder = msgspec.json.Decoder(Body)


class Orders:
    """The endpoint."""

    def __init__(self, database: AsyncDatabase, commands: Commands, tokens: Tokens, presentation: Presentation) -> None:
        self._database = database
        self._commands = commands
        self._tokens = tokens
        self._presentation = presentation

    async def __call__(self, request: Request) -> Response:
        """Answers one request; no exception leaves."""
        try:
            return await self._place(request)
        except Problem as problem:
            return told(problem)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody reads it
        except Transient as trouble:
            log.warning("a request met trouble", event_key="http.trouble", path=request.url.path, error=str(trouble))
            return told(problems.unavailable("The request could not be finished: try again with the same key."))
        except Exception:
            log.exception("a request failed", event_key="http.failed")
            return told(problems.broken())

    async def _place(self, request: Request) -> Response:
        principal = self._customer(request)
        wish = await _wish(request, principal)
        began = time.perf_counter()
        outcome = await self._commands.place(wish, trace_of(request))
        response = await self._answer(outcome)
        meters.requests.labels("POST /orders", "answered").observe(time.perf_counter() - began)
        return response

    async def _answer(self, outcome: Outcome) -> Response:
        order = outcome.order
        if outcome.refusal or order is None:
            raise _refused(outcome.refusal)
        async with self._database.connection() as db:
            timeline = (await queries.timelines(db, [order.id]))[order.id]
        body = shapes.whole(order, timeline, Role.CUSTOMER, self._presentation)
        headers = {"location": f"/orders/{order.id}", "cache-control": "no-store"}
        return Response(msgspec.json.encode(body), 200 if outcome.repeated else 201, headers, media_type=PLAIN)

    def _customer(self, request: Request) -> Principal:
        try:
            principal = self._tokens.principal(request.headers.get("authorization"))
        except InvalidToken:
            principal = None
        if principal is None:
            raise problems.unauthenticated("Send a valid token: Authorization: Bearer …")
        if principal.role is not Role.CUSTOMER:
            raise problems.of_status(403, f"This is for: {Role.CUSTOMER}.")
        return principal


def told(problem: Problem) -> Response:
    """A problem as a response."""
    return Response(problem.body(), problem.status, problem.headers, media_type=problems.MEDIA_TYPE)


async def _wish(request: Request, principal: Principal) -> Wish:
    try:
        body = _decoder.decode(await body_of(request))
    except Refusal as refusal:
        raise problems.of_status(refusal.status, refusal.errors[0]["message"]) from refusal
    except (msgspec.DecodeError, RecursionError) as error:
        raise problems.invalid(f"The body is not what the interface's document says: {error}") from error
    keys = request.headers.getlist(KEY)
    if len(keys) != 1:
        raise Problem(400, "IDEMPOTENCY_KEY_MISSING", f"Send one {KEY}, and the same again when no answer came.")
    lines = tuple(domain.Line(line.item_id, line.quantity) for line in body.items)
    return Wish(principal.id, _bare(keys[0]), body.restaurant_id, lines, body.payment_method)


def _bare(key: str) -> str:
    """The key of the header: the draft's quoted string, or just the key."""
    return key[1:-1] if len(key) > 1 and key[0] == key[-1] == '"' else key


def _refused(refusal: Refused | None) -> Problem:
    """A refusal by the rules, in HTTP's terms."""
    if refusal is None:
        raise AssertionError("neither an order nor a reason")
    meters.refusals.labels(refusal.code).inc()
    status = 409 if refusal.code is Code.IDEMPOTENCY_KEY_REUSED else 422
    field = (refusal.field or "").removeprefix("input.")
    return Problem(status, refusal.code, refusal.message, field=KEY if field == "idempotencyKey" else field)


async def _unknown(_: Request, error: Exception) -> Response:
    """What the router refuses."""
    if not isinstance(error, HTTPException):
        raise error
    return told(problems.of_status(error.status_code, headers=error.headers))


def application(orders: Orders, *others: BaseRoute, lifespan: Lifespan[Starlette] | None = None) -> Starlette:
    """The ASGI application: this path and `others`; whatever else is asked for is a problem, too."""
    routes = [*others, Route("/orders", orders.__call__, methods=["POST"])]
    return Starlette(routes=routes, exception_handlers={HTTPException: _unknown}, lifespan=lifespan)
