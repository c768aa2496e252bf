"""Trouble at the payment provider, as its test double makes it."""

import json
import urllib.request
from collections.abc import Mapping
from random import Random
from typing import Any

from chaos.faults import Fault
from chaos.scene import Scene

ASK_SECONDS = 5.0
# What is asked of the provider for each of our words; a share is of calls.
FAULTS: Mapping[str, Mapping[str, Any]] = {
    "unavailable": {"unavailable": 1.0},
    "hang": {"hang": 0.3, "hang_seconds": 6.0},
    "lose_answer": {"lose_answer": 0.4, "lose_request": 0.2},
    "error_after": {"error_after": 0.4, "slow_ms": 50},
    "refuse_refunds": {"refuse_refunds": 0.5},
}


def provider(scene: Scene, fault: Fault, dice: Random) -> None:
    """Some or all of its calls go wrong for a while. It heals by itself too, should nobody tell it to."""
    wanted = {**FAULTS[fault.detail], "seed": dice.randrange(2**31), "seconds": fault.seconds}
    scene.until(lambda: ask(scene, "PUT", wanted), "the provider to take its faults")
    try:
        scene.last(fault.seconds)
    finally:
        heal(scene)


def heal(scene: Scene) -> None:
    """No fault any more."""
    scene.until(lambda: ask(scene, "DELETE"), "the provider to heal")


def ask(scene: Scene, method: str, wanted: Mapping[str, Any] | None = None) -> bool:
    """True when it was taken. Raises OSError."""
    body = json.dumps(wanted).encode() if wanted else None
    head = {"Authorization": f"Bearer {scene.stack.provider_key}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{scene.stack.provider_url}/faults", body, head, method=method)
    with urllib.request.urlopen(request, timeout=ASK_SECONDS) as answer:
        return bool(answer.status < 300)
