"""A problem's body and headers."""

import json

import pytest

from chassis import problems
from chassis.problems import Problem


def test_body_names_the_problem() -> None:
    """RFC 9457's members, the stable code, and the field where there is one."""
    told = json.loads(Problem(422, "ITEM_NOT_FOUND", "No such item.", field="items.0").body())
    assert told == {
        "type": "https://demae.example/problems/ITEM_NOT_FOUND",
        "title": "Unprocessable Content",
        "status": 422,
        "code": "ITEM_NOT_FOUND",
        "detail": "No such item.",
        "field": "items.0",
    }


def test_field_is_left_out() -> None:
    """When nothing in particular is at fault."""
    assert "field" not in json.loads(Problem(404, "NOT_FOUND", "Not here.").body())


def test_nobody_keeps_a_problem() -> None:
    """No cache answers with it, whatever other headers it has."""
    assert problems.unavailable("Later.").headers == {"cache-control": "no-store", "retry-after": "1"}


@pytest.mark.parametrize("status", problems.TITLES)
def test_code_is_the_title_s(status: int) -> None:
    """HTTP's own refusals have codes that no version of Python changes."""
    problem = problems.of_status(status)
    assert problem.code == json.loads(problem.body())["title"].upper().replace(" ", "_")
