"""Compiled selections answer what graphql-core's own executor answers."""

from typing import Any
from unittest import mock

import pytest
from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    GraphQLObjectType,
    OperationDefinitionNode,
    execute,
    parse,
    validate,
)
from graphql.execution.values import VariableValues
from hypothesis import given, settings
from hypothesis import strategies as st

from notifier import operations
from notifier.domain import Role
from notifier.operations import Operations
from notifier.selection import Compiler, project
from notifier.story import Story
from tests.support.push import CANCELLED, SAID, new_order_id, schema, story

SCHEMA = schema()
OPERATIONS = Operations(SCHEMA)
ORDER_ID = new_order_id()
VARIABLES = {"o": ORDER_ID, "yes": True, "no": False}

FULL = """
  id version status message customerId restaurantId restaurantName courierId
  actions { name until } deadline { reason at }
  payment { status attempt failure } cancellation { reason }
  items { itemId name quantity unitPrice { amount currency } } total { amount currency }
  timeline { version event message reason status at }
"""

SELECTIONS = [
    "version",
    FULL,
    "__typename v: version w: version payment { __typename s: status }",
    "timeline { version } status timeline { event at } id",
    "total { amount } total { currency amount }",
    "...A ...B version fragments: id",
    "... on Order { version ... on Order { id } } ... { status }",
    "version @skip(if: $yes) status @skip(if: $no) id @include(if: $no) courierId @include(if: $yes)",
    "... @include(if: $no) { version } ... @skip(if: $no) { status }",
    "...A @skip(if: $yes) ...A @include(if: $yes)",
    "...B @include(if: $no) id",
    "id @skip(if: false) @include(if: true)",
    "cancellation { reason } cancellation { r: reason }",
    "items { ...I unitPrice { ...M } } items { n: name }",
]

FRAGMENTS = """
  fragment A on Order { version items { name ...I } ...C }
  fragment B on Order { status items { unitPrice { amount } } ...C }
  fragment C on Order { customerId timeline { ...T } }
  fragment T on TimelineEntry { event version }
  fragment I on OrderItem { itemId quantity }
  fragment M on Money { amount }
"""


def used_fragments(selection: str) -> str:
    """Validation forbids fragments that are not used."""
    wanted, texts = set(), {line.split()[1]: line for line in FRAGMENTS.strip().splitlines()}
    reach = [selection]
    while reach:
        text = reach.pop()
        for name, fragment in texts.items():
            if f"...{name}" in text and name not in wanted:
                wanted.add(name)
                reach.append(fragment)
    return "\n".join(texts[name] for name in sorted(wanted))


def used_variables(selection: str) -> str:
    """As above, for variables."""
    return " ".join(f"${name}: Boolean!" for name in ("yes", "no") if f"${name}" in selection)


def text_of(selection: str) -> str:
    head = f"subscription Watch($o: ID! {used_variables(selection)}) {{ x: orderUpdated(orderId: $o, after: 0)"
    return f"{head} {{ {selection} }} }} {used_fragments(selection)}"


def both(text: str, order: dict[str, Any]) -> tuple[Any, Any]:
    """Our answer and graphql-core's."""
    document = parse(text)
    assert validate(SCHEMA, document) == []
    root = {"orderUpdated": order}
    plan = OPERATIONS.watch(text, None, VARIABLES).plan
    result = execute(SCHEMA, document, root_value=root, variable_values=VARIABLES)
    assert not hasattr(result, "__await__") and result.errors is None
    return project(plan, root), result.data


def orders() -> list[dict[str, Any]]:
    """Every version of a happy and a cancelled order, as the schema shows them."""
    shown = []
    for steps in (story(ORDER_ID), story(ORDER_ID, CANCELLED)):
        told = Story(SAID)
        for step in steps:
            told.extend(step.version)
        shown += [told.show(step.version.order, Role.CUSTOMER) for step in steps]
    return shown


@pytest.mark.parametrize("selection", SELECTIONS)
def test_answers_as_graphql_core_does(selection: str) -> None:
    """Aliases, merging, fragments, directives with variables, __typename: same members, same order, same values."""
    for order in orders():
        ours, theirs = both(text_of(selection), order)
        assert (ours, list(ours["x"])) == (theirs, list(theirs["x"]))


LEAVES = {
    "Order": ["id", "version", "status", "message", "customerId", "courierId", "__typename"],
    "Payment": ["status", "attempt", "failure", "__typename"],
    "Action": ["name", "until", "__typename"],
    "Deadline": ["reason", "at"],
    "OrderItem": ["itemId", "name", "quantity"],
    "Money": ["amount", "currency"],
    "TimelineEntry": ["version", "event", "message", "reason", "status", "at"],
    "Cancellation": ["reason"],
}
OBJECTS = {
    "Order": {"payment": "Payment", "cancellation": "Cancellation", "items": "OrderItem", "total": "Money",
              "timeline": "TimelineEntry", "actions": "Action", "deadline": "Deadline"},
    "OrderItem": {"unitPrice": "Money"},
}  # fmt: skip
DIRECTIVES = st.sampled_from(["", "", "", " @skip(if: $yes)", " @skip(if: $no)", " @include(if: $no)"])


@st.composite
def selections(draw: st.DrawFn, parent: str = "Order", depth: int = 0) -> str:
    """Valid selection sets of any shape; an alias always names the same field, or validation would refuse a merge."""
    parts = []
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(["leaf", "object", "inline"])) if depth < 3 else "leaf"
        directive = draw(DIRECTIVES)
        if kind == "inline":
            parts.append(f"... on {parent}{directive} {{ {draw(selections(parent, depth + 1))} }}")
        elif kind == "object" and parent in OBJECTS:
            name, child = draw(st.sampled_from(sorted(OBJECTS[parent].items())))
            alias = draw(st.sampled_from(["", f"a_{name}: "]))
            parts.append(f"{alias}{name}{directive} {{ {draw(selections(child, depth + 1))} }}")
        else:
            name = draw(st.sampled_from(LEAVES[parent]))
            alias = draw(st.sampled_from(["", f"a_{name}: "]))
            parts.append(f"{alias}{name}{directive}")
    return " ".join(parts)


@settings(max_examples=60, deadline=None)
@given(selection=selections())
def test_answers_any_selection_as_graphql_core_does(selection: str) -> None:
    """Generated selection sets agree too."""
    with mock.patch.object(operations, "MAX_TOKENS", 100_000):
        ours, theirs = both(text_of(selection), orders()[-1])
    assert ours == theirs


def test_fragment_spread_twice_is_collected_once() -> None:
    """Each fragment spreads the next twice: without remembering what was spread, twelve of them collect 4096 fields."""
    chain = [f"fragment F{n} on Order {{ ...F{n + 1} ...F{n + 1} }}" for n in range(12)]
    document = parse("{ order(id: 1) { ...F0 } }" + " ".join([*chain, "fragment F12 on Order { id }"]))
    operation, *fragments = document.definitions
    assert isinstance(operation, OperationDefinitionNode)
    (order,) = operation.selection_set.selections
    assert isinstance(order, FieldNode)
    assert order.selection_set is not None
    named = {f.name.value: f for f in fragments if isinstance(f, FragmentDefinitionNode)}
    parent = SCHEMA.type_map["Order"]
    assert isinstance(parent, GraphQLObjectType)
    compiler = Compiler(SCHEMA, named, VariableValues({}, {}))
    assert len(compiler.collect(parent, [order.selection_set])["id"]) == 1
