"""POST /graphql: one request in, one JSON object out. Parsing and validation are remembered by the document's text.

Status codes and media types follow the GraphQL-over-HTTP draft (https://graphql.github.io/graphql-over-http/draft/).
"""

import re
import time
from collections import OrderedDict
from collections.abc import Sequence
from inspect import isawaitable
from typing import Any

import msgspec
from graphql import (
    DocumentNode,
    ExecutionResult,
    FieldNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    OperationType,
    execute,
    get_operation_ast,
    parse,
    validate,
)
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from api import meters
from api.commands import Commands
from api.context import Context
from api.errors import BROKEN, formatted
from api.presentation import Presentation
from api.principal import InvalidToken, Tokens
from chassis.database import AsyncDatabase
from chassis.telemetry import log

MAX_BODY = 64 * 1024
MAX_TOKENS = 1000
REMEMBERED = 500  # documents; a client has a handful
REMEMBERED_SIZE = 8 * 1024  # characters: a longer document is parsed each time
PLAIN = "application/json"
GRAPHQL = "application/graphql-response+json"
TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


class Body(msgspec.Struct):
    """What a client posts."""

    query: str
    variables: dict[str, Any] | None = None
    operationName: str | None = None  # noqa: N815 - the protocol's name
    extensions: dict[str, Any] | None = None


_decoder = msgspec.json.Decoder(Body)


class Refusal(Exception):
    """The request is answered without being executed."""

    def __init__(self, status: int, code: str, *messages: str) -> None:
        super().__init__(status)
        self.status = status
        self.errors: list[dict[str, Any]] = [{"message": text, "extensions": {"code": code}} for text in messages]


class Unexecutable(Refusal):
    """A well-formed request whose document cannot be executed."""

    def __init__(self, code: str, errors: Sequence[GraphQLError]) -> None:
        super().__init__(400, code)
        self.errors = [{**error.formatted, "extensions": {"code": code}} for error in errors]


class Documents:
    """Parsed and validated documents, the most recently used ones at hand."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self._known: OrderedDict[str, DocumentNode] = OrderedDict()

    def document(self, text: str) -> DocumentNode:
        """The document of this text. Raises Refusal."""
        known = self._known.get(text)
        if known is not None:
            self._known.move_to_end(text)
            return known
        document = self._checked(text)
        if len(text) <= REMEMBERED_SIZE:
            self._known[text] = document
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return document

    def _checked(self, text: str) -> DocumentNode:
        try:
            document = parse(text, max_tokens=MAX_TOKENS)
        except GraphQLSyntaxError as error:
            raise Unexecutable("GRAPHQL_PARSE_FAILED", [error]) from error
        faults = validate(self._schema, document, max_errors=5)
        if faults:
            raise Unexecutable("GRAPHQL_VALIDATION_FAILED", faults)
        return document


class GraphQL:
    """The endpoint."""

    def __init__(
        self,
        schema: GraphQLSchema,
        database: AsyncDatabase,
        commands: Commands,
        tokens: Tokens,
        presentation: Presentation,
    ) -> None:
        self._schema = schema
        self._documents = Documents(schema)
        self._database = database
        self._commands = commands
        self._tokens = tokens
        self._presentation = presentation

    async def __call__(self, request: Request) -> Response:
        """Answers one request; no exception leaves."""
        kind = GRAPHQL if GRAPHQL in request.headers.get("accept", "") else PLAIN
        try:
            result = await self._result(request)
        except Refusal as refused:
            # In plain JSON a well-formed request is answered with 200, whatever is wrong inside.
            plain = kind == PLAIN and isinstance(refused, Unexecutable)
            return _response(200 if plain else refused.status, {"errors": refused.errors}, kind)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody reads it
        except Exception:
            log.exception("a request failed", event_key="http.failed")
            return _response(500, {"errors": Refusal(500, "INTERNAL", BROKEN).errors}, kind)
        answer: dict[str, Any] = {"data": result.data}
        if result.errors:
            answer["errors"] = [formatted(error) for error in result.errors]
        return _response(200, answer, kind)

    async def _result(self, request: Request) -> ExecutionResult:
        body = await _body(request)
        context = self._context(request)
        document = self._documents.document(body.query)
        operation = _operation(document, body.operationName)
        began = time.perf_counter()
        result = execute(
            self._schema,
            document,
            context_value=context,
            variable_values=body.variables,
            operation_name=body.operationName,
        )
        result = await result if isawaitable(result) else result
        if result.data is None and result.errors and all(error.path is None for error in result.errors):
            raise Unexecutable("BAD_USER_INPUT", result.errors)  # the variables do not fit
        outcome = "error" if result.errors else "answered"
        meters.requests.labels(_field(operation), outcome).observe(time.perf_counter() - began)
        return result

    def _context(self, request: Request) -> Context:
        try:
            principal = self._tokens.principal(request.headers.get("authorization"))
        except InvalidToken as error:
            raise Refusal(401, "UNAUTHENTICATED", "The token is not valid, or not any more.") from error
        return Context(principal, trace_of(request), self._database, self._commands, self._presentation)


def _operation(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    operation = get_operation_ast(document, name)
    if operation is None:
        raise Refusal(400, "BAD_USER_INPUT", "`operationName` must name one operation of the document.")
    if operation.operation is OperationType.SUBSCRIPTION:
        raise Refusal(400, "BAD_USER_INPUT", "Subscriptions are answered over a WebSocket on this path.")
    return operation


def _field(operation: OperationDefinitionNode) -> str:
    """The first field, for the metric: validated, so it is one of the schema's."""
    first = operation.selection_set.selections[0]
    return first.name.value if isinstance(first, FieldNode) else "fragment"


async def body_of(request: Request) -> bytes:
    """The JSON that was posted; never more than MAX_BODY of it is read. Raises Refusal with 415 or 413."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != PLAIN:
        raise Refusal(415, "BAD_USER_INPUT", f"Post {PLAIN}.")
    raw = bytearray()
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > MAX_BODY:
            raise Refusal(413, "BAD_USER_INPUT", f"A request is at most {MAX_BODY} bytes.")
    return bytes(raw)


def trace_of(request: Request) -> str | None:
    """The trace that the caller is in."""
    trace = request.headers.get("traceparent", "")
    return trace if TRACEPARENT.fullmatch(trace) else None


async def _body(request: Request) -> Body:
    raw = await body_of(request)
    try:
        return _decoder.decode(raw)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Refusal(400, "BAD_USER_INPUT", f"The body is no GraphQL request: {error}") from error


def _response(status: int, answer: dict[str, Any], kind: str) -> Response:
    return Response(msgspec.json.encode(answer), status, media_type=kind)


def route(graphql: GraphQL) -> Route:
    """Where it is asked."""
    return Route("/graphql", graphql.__call__, methods=["POST"])
