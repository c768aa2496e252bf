"""Fixtures of the tests that are about one runtime, or that one is enough for; all others run on every stack."""

import pytest

from ground.stack import Stack
from ground.stack_compose import ComposeStack
from ground.stack_local import LocalStack
from local import prepare


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


@pytest.fixture
def once(stack: Stack) -> Stack:
    """The stack, for a test whose outcome no runtime changes: local processes; containers where there is no Java.

    The test says why that is enough.
    """
    if isinstance(stack, ComposeStack) and not prepare.java_missing():
        pytest.skip("once is enough, as local processes")
    return stack
