"""From a `subscribe` payload to what it asks for. Texts are parsed, validated and compiled once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, cast
from uuid import UUID

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    OperationType,
    get_argument_values,
    get_operation_ast,
    get_variable_values,
    parse,
    validate,
)
from graphql.execution.values import VariableValues

from notifier.selection import Compiler, Plan

# Bounds what one text may cost to parse and to keep; a full selection of Order has about 100 tokens.
MAX_TOKENS = 300
CACHED_TEXTS = 128
CACHED_PLANS = 16  # per text: one for each combination of the Boolean variables in use
MAX_ERRORS = 5

BAD_USER_INPUT = "BAD_USER_INPUT"
ORDER_NOT_FOUND = "ORDER_NOT_FOUND"
NOT_FOUND_MESSAGE = "There is no such order, or you do not take part in it."

Errors = Sequence[Mapping[str, Any]]


class Refusal(Exception):
    """The operation is not started; `errors` is the payload of the protocol's `error` message."""

    def __init__(self, errors: Errors) -> None:
        super().__init__(errors)
        self.errors = errors


def error(message: str, code: str) -> dict[str, Any]:
    """One entry of a GraphQL error list."""
    return {"message": message, "extensions": {"code": code}}


class Watch(NamedTuple):
    """`orderUpdated(orderId, after)` with its selection set compiled."""

    order_id: str
    after: int
    plan: Plan


class _Compiled(NamedTuple):
    field: FieldNode
    plan: Plan


class _Text:
    """One document text: its syntax tree, or why there is none."""

    __slots__ = ("document", "errors", "fragments", "plans")

    def __init__(self, schema: GraphQLSchema, text: str) -> None:
        self.document: DocumentNode | None = None
        self.errors: Errors = ()
        self.plans: dict[tuple[object, ...], _Compiled] = {}
        self.fragments: dict[str, FragmentDefinitionNode] = {}
        try:
            document = parse(text, max_tokens=MAX_TOKENS)
        except GraphQLSyntaxError as fault:
            self.errors = [_formatted(fault, "GRAPHQL_PARSE_FAILED")]
            return
        if faults := validate(schema, document, max_errors=MAX_ERRORS):
            self.errors = [_formatted(fault, "GRAPHQL_VALIDATION_FAILED") for fault in faults]
            return
        self.document = document
        self.fragments = {
            node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
        }


class Operations:
    """Understands the subscriptions of one schema."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self._text = lru_cache(CACHED_TEXTS)(lambda text: _Text(schema, text))

    def watch(self, query: str, operation_name: str | None, variables: Mapping[str, Any] | None) -> Watch:
        """What the operation asks for; raises Refusal."""
        text = self._text(query)
        if text.document is None:
            raise Refusal(text.errors)
        operation = get_operation_ast(text.document, operation_name)
        if operation is None:
            raise Refusal([error("Name one of the document's operations in operationName.", BAD_USER_INPUT)])
        if operation.operation is not OperationType.SUBSCRIPTION:
            raise Refusal([error("Only subscriptions run here; POST queries and mutations.", BAD_USER_INPUT)])
        values = get_variable_values(
            self._schema, operation.variable_definitions or (), dict(variables or {}), max_errors=MAX_ERRORS
        )
        if isinstance(values, list):
            raise Refusal([_formatted(fault, BAD_USER_INPUT) for fault in values])
        compiled = self._compiled(text, operation, values)
        return self._order_updated(compiled, values)

    def _compiled(self, text: _Text, operation: OperationDefinitionNode, values: VariableValues) -> _Compiled:
        """Only Boolean variables can change a plan: those of @skip and @include."""
        switches = tuple(sorted((name, value) for name, value in values.coerced.items() if isinstance(value, bool)))
        key = (operation.name.value if operation.name else None, switches)
        if (known := text.plans.get(key)) is not None:
            return known
        root = self._schema.subscription_type
        assert root is not None
        compiler = Compiler(self._schema, text.fragments, values)
        nodes = compiler.collect(root, [operation.selection_set])
        (field,) = nodes.values()  # validated: one root field, neither skipped nor included
        if len(text.plans) >= CACHED_PLANS:
            text.plans.clear()
        compiled = text.plans[key] = _Compiled(field[0], compiler.plan(root, nodes))
        return compiled

    def _order_updated(self, compiled: _Compiled, values: VariableValues) -> Watch:
        root = self._schema.subscription_type
        assert root is not None
        try:
            arguments = get_argument_values(root.fields["orderUpdated"], compiled.field, values)
        except GraphQLError as fault:
            raise Refusal([_formatted(fault, BAD_USER_INPUT)]) from fault
        if arguments["after"] < 0:
            raise Refusal([error("after: the first version is 1, so 0 is the smallest cursor.", BAD_USER_INPUT)])
        try:
            order_id = str(UUID(arguments["orderId"]))
        except ValueError:
            raise Refusal([error(NOT_FOUND_MESSAGE, ORDER_NOT_FOUND)]) from None
        return Watch(order_id, arguments["after"], compiled.plan)


def _formatted(fault: GraphQLError, code: str) -> dict[str, Any]:
    formatted = cast(dict[str, Any], fault.formatted)
    return {**formatted, "extensions": {"code": code}}
