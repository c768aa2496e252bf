"""Fixtures of the tests that are about one runtime; all others run on every stack unchanged."""

import pytest

from ground.stack import Stack
from ground.stack_compose import ComposeStack
from ground.stack_local import LocalStack


@pytest.fixture
def local(stack: Stack) -> LocalStack:
    """The stack of local processes; skips on another one."""
    if not isinstance(stack, LocalStack):
        pytest.skip("about local processes")
    return stack


@pytest.fixture
def compose(stack: Stack) -> ComposeStack:
    """The stack of containers; skips on another one."""
    if not isinstance(stack, ComposeStack):
        pytest.skip("about containers")
    return stack
