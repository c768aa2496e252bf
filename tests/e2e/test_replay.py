"""The event store of a running system, folded again."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ground.stack import Stack
from tests.support import programs


def replayed(stack: Stack, *words: str) -> dict[str, Any]:
    """As a person asks for it."""
    done = programs.run(stack, "replay", *words, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.needs("state")
def test_rebuild_while_orders_flow(stack: Stack) -> None:
    """What is compared is one moment; an order that changes meanwhile is no difference."""
    with ThreadPoolExecutor() as pool:
        order = pool.submit(programs.run, stack, "cli", "first-order")
        while not order.done():
            assert replayed(stack, "rebuild")["different"] == 0
    assert order.result().returncode == 0
    found = replayed(stack, "rebuild")
    assert found["orders"] >= 1
    assert sum(replayed(stack, "order").values()) == found["orders"]
