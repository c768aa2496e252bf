"""Whether Postgres, broker and Connect of the tests are processes or containers."""

import pytest

from tests.support.parts import in_containers


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, False),
        ({"RUNTIME": "local"}, False),
        ({"RUNTIME": "compose"}, True),
        ({"DEMAE_PARTS": "containers"}, True),
        ({"RUNTIME": "compose", "DEMAE_PARTS": "processes"}, False),
    ],
)
def test_parts_follow_the_runtime(variables: dict[str, str], expected: bool) -> None:
    """Unless they are named themselves."""
    assert in_containers(variables) == expected


def test_unknown_kind_is_refused() -> None:
    """A misspelt word means no other kind."""
    with pytest.raises(ValueError, match="DEMAE_PARTS=docker"):
        in_containers({"DEMAE_PARTS": "docker"})
