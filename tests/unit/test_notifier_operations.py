"""What a subscribe payload asks for, or why it is refused."""

import pytest

from notifier.operations import CACHED_PLANS, Operations, Refusal
from tests.support.push import new_order_id, schema

OPERATIONS = Operations(schema())
ORDER_ID = new_order_id()
TWO = f"""
  subscription A {{ orderUpdated(orderId: "{ORDER_ID}") {{ id }} }}
  subscription B {{ orderUpdated(orderId: "{ORDER_ID}", after: 7) {{ id }} }}
"""


def code_of(query: str, name: str | None = None, variables: dict[str, object] | None = None) -> str:
    with pytest.raises(Refusal) as refusal:
        OPERATIONS.watch(query, name, variables)
    return str(refusal.value.errors[0]["extensions"]["code"])


def test_reads_arguments_and_defaults() -> None:
    """`after` is 0 when nobody says otherwise; the id is canonical text."""
    watch = OPERATIONS.watch(
        "subscription($o: ID!) { orderUpdated(orderId: $o) { id } }", None, {"o": ORDER_ID.upper()}
    )
    assert (watch.order_id, watch.after) == (ORDER_ID, 0)


def test_runs_the_named_operation() -> None:
    """operationName chooses among several."""
    assert OPERATIONS.watch(TWO, "B", None).after == 7


@pytest.mark.parametrize("name", [None, "C"])
def test_needs_a_name_among_several(name: str | None) -> None:
    """Without a name that fits, nothing runs."""
    assert code_of(TWO, name) == "BAD_USER_INPUT"


def test_same_text_has_one_plan() -> None:
    """Another cursor is the same selection: frames can be shared."""
    text = f'subscription($a: Int!) {{ orderUpdated(orderId: "{ORDER_ID}", after: $a) {{ id }} }}'
    first, second = (OPERATIONS.watch(text, None, {"a": after}) for after in (1, 2))
    assert first.plan is second.plan


def test_switches_make_other_plans() -> None:
    """A Boolean variable may switch a field off."""
    text = f'subscription($x: Boolean!) {{ orderUpdated(orderId: "{ORDER_ID}") {{ id status @skip(if: $x) }} }}'
    first, second = (OPERATIONS.watch(text, None, {"x": value}) for value in (True, False))
    assert first.plan is not second.plan


def test_keeps_few_plans_of_a_text() -> None:
    """A text with many switches cannot fill the memory."""
    names = [f"x{number}" for number in range(6)]
    fields = " ".join(f"a{name}: id @skip(if: ${name})" for name in names)
    variables = ", ".join(f"${name}: Boolean!" for name in names)
    text = f'subscription({variables}) {{ orderUpdated(orderId: "{ORDER_ID}") {{ id {fields} }} }}'
    for bits in range(64):
        OPERATIONS.watch(text, None, {name: bool(bits >> index & 1) for index, name in enumerate(names)})
    assert len(OPERATIONS._text(text).plans) <= CACHED_PLANS


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("subscription { orderUpdated", "GRAPHQL_PARSE_FAILED"),
        ("subscription { " + "a " * 1000 + "}", "GRAPHQL_PARSE_FAILED"),
        ("{" * 3000, "GRAPHQL_PARSE_FAILED"),
        ("subscription { __typename }", "GRAPHQL_VALIDATION_FAILED"),
        ('subscription { a: orderUpdated(orderId: "x") { id } b: orderUpdated(orderId: "x") { id } }',
         "GRAPHQL_VALIDATION_FAILED"),
        ('subscription { orderUpdated(orderId: "x") @skip(if: true) { id } }', "GRAPHQL_VALIDATION_FAILED"),
        ('subscription { orderUpdated(orderId: "x") { ...A } } fragment A on Order { ...A }',
         "GRAPHQL_VALIDATION_FAILED"),
        ("query { __schema { types { name } } }", "BAD_USER_INPUT"),
        ('subscription { orderUpdated(orderId: "x", after: -1) { id } }', "BAD_USER_INPUT"),
        ('subscription { orderUpdated(orderId: "not-a-uuid") { id } }', "ORDER_NOT_FOUND"),
    ],
)  # fmt: skip
def test_refuses_with_a_code(query: str, code: str) -> None:
    """Every refusal has a stable code."""
    assert code_of(query) == code


@pytest.mark.parametrize(
    "variables", [{}, {"o": 1.5}, {"o": None}, {"o": ORDER_ID, "a": "1"}, {"o": ORDER_ID, "a": 2**31}]
)
def test_refuses_bad_variables(variables: dict[str, object]) -> None:
    """Variables are coerced by the schema's types."""
    text = "subscription($o: ID!, $a: Int! = 0) { orderUpdated(orderId: $o, after: $a) { id } }"
    assert code_of(text, None, variables) == "BAD_USER_INPUT"
