"""A selection set, compiled once and executed on plain data for each version.

`compile_plan` does what GraphQL's CollectFields does (aliases, merging, fragments, @skip and @include with variables);
`project` does what its execution does when every resolver is "take the member of this name". Validation came first, so
nothing is checked again. tests/unit/test_notifier_selection.py holds both against graphql-core's own `execute`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from typing import Any, NamedTuple, cast

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLIncludeDirective,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLSkipDirective,
    InlineFragmentNode,
    SelectionNode,
    SelectionSetNode,
    get_directive_values,
    get_named_type,
    is_abstract_type,
)
from graphql.execution.values import VariableValues

from notifier.story import COSTLY

Show = Callable[[Set[str]], Mapping[str, Any]]


class Field(NamedTuple):
    """One member of the answer: `source` is the data's member, or None for the `constant` (`__typename`)."""

    key: str
    source: str | None
    constant: str | None
    plan: Plan | None


class Plan:
    """What to take from an object. Equal only to itself, so it is a cheap key for frames that may be shared."""

    __slots__ = ("fields", "members")

    def __init__(self, fields: Iterable[Field]) -> None:
        self.fields = tuple(fields)
        self.members = frozenset(field.source for field in self.fields if field.source)
        """The object's members that it takes."""

    def answer(self, show: Show) -> Mapping[str, Any]:
        """The execution result of a subscription's plan; `show` gives the order with these members."""
        order = self.fields[0].plan
        assert order is not None
        return {"data": project(self, {"orderUpdated": show(order.members)})}


class Whole(Plan):
    """All of an order, as it is: what a poll asks for."""

    __slots__ = ()

    def answer(self, show: Show) -> Mapping[str, Any]:
        return show(COSTLY)


WHOLE = Whole(())


Nodes = dict[str, list[FieldNode]]


class Compiler:
    """Compiles selection sets of one operation with these variables."""

    def __init__(
        self, schema: GraphQLSchema, fragments: Mapping[str, FragmentDefinitionNode], variables: VariableValues
    ) -> None:
        self._schema = schema
        self._fragments = fragments
        self._variables = variables

    def collect(self, parent: GraphQLObjectType, sets: Sequence[SelectionSetNode]) -> Nodes:
        """Response key → the field nodes merged under it, in the order of the answer."""
        nodes: Nodes = {}
        seen: set[str] = set()
        for selection_set in sets:
            self._collect(parent, selection_set, nodes, seen)
        return nodes

    def plan(self, parent: GraphQLObjectType, nodes: Nodes) -> Plan:
        """The plan for `collect`'s result."""
        return Plan(self._field(parent, key, merged) for key, merged in nodes.items())

    def _collect(
        self, parent: GraphQLObjectType, selection_set: SelectionSetNode, nodes: Nodes, seen: set[str]
    ) -> None:
        for selection in selection_set.selections:
            if not self._included(selection):
                continue
            if isinstance(selection, FieldNode):
                key = (selection.alias or selection.name).value
                nodes.setdefault(key, []).append(selection)
            elif (inner := self._fragment(parent, selection, seen)) is not None:
                self._collect(parent, inner, nodes, seen)

    def _fragment(self, parent: GraphQLObjectType, node: SelectionNode, seen: set[str]) -> SelectionSetNode | None:
        """The selection set of a fragment that applies here and was not spread before."""
        fragment: InlineFragmentNode | FragmentDefinitionNode
        if isinstance(node, FragmentSpreadNode):
            if node.name.value in seen:
                return None
            seen.add(node.name.value)
            fragment = self._fragments[node.name.value]
        else:
            fragment = cast(InlineFragmentNode, node)
        return fragment.selection_set if self._applies(parent, fragment) else None

    def _applies(self, parent: GraphQLObjectType, fragment: InlineFragmentNode | FragmentDefinitionNode) -> bool:
        if fragment.type_condition is None or fragment.type_condition.name.value == parent.name:
            return True
        condition = self._schema.get_type(fragment.type_condition.name.value)
        return is_abstract_type(condition) and self._schema.is_sub_type(condition, parent)

    def _included(self, node: SelectionNode) -> bool:
        skip = get_directive_values(GraphQLSkipDirective, node, self._variables)
        if skip and skip["if"]:
            return False
        include = get_directive_values(GraphQLIncludeDirective, node, self._variables)
        return not include or bool(include["if"])

    def _field(self, parent: GraphQLObjectType, key: str, nodes: list[FieldNode]) -> Field:
        name = nodes[0].name.value
        if name == "__typename":
            return Field(key, None, parent.name, None)
        sets = [node.selection_set for node in nodes if node.selection_set]
        if not sets:
            return Field(key, name, None, None)
        child = cast(GraphQLObjectType, get_named_type(parent.fields[name].type))
        return Field(key, name, None, self.plan(child, self.collect(child, sets)))


def project(plan: Plan, value: Any) -> Any:
    """The answer to a plan from plain data: dicts, lists, scalars and None."""
    if value is None:
        return None
    if isinstance(value, list):
        return [project(plan, item) for item in value]
    answer: dict[str, Any] = {}
    for key, source, constant, child in plan.fields:
        if source is None:
            answer[key] = constant
        else:
            answer[key] = value[source] if child is None else project(child, value[source])
    return answer
