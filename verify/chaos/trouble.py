"""Trouble at the payment provider, as its test double makes it: verify/ground/provider_faults.py."""

from collections.abc import Mapping
from random import Random

from chaos.faults import Fault
from chaos.scene import Scene

# What is asked of the provider for each of our words; a share is of calls.
FAULTS: Mapping[str, Mapping[str, float]] = {
    "unavailable": {"unavailable": 1.0},
    "hang": {"hang": 0.3, "hang_seconds": 6.0},
    "lose_answer": {"lose_answer": 0.4, "lose_request": 0.2},
    "error_after": {"error_after": 0.4, "slow_ms": 50},
    "refuse_refunds": {"refuse_refunds": 0.5},
}

HIT_SECONDS = 100.0  # behind its end, for a first call to be hit: with Connect away, nobody calls


def provider(scene: Scene, fault: Fault, dice: Random) -> None:
    """Some or all of its calls go wrong for a while, one at least. It heals by itself too, should nobody tell it to."""
    faults = scene.stack.provider_faults
    seed, longest = dice.randrange(2**31), fault.seconds + HIT_SECONDS

    def taken() -> bool:
        faults.set(**FAULTS[fault.detail], seed=seed, seconds=longest)
        return True

    scene.until(taken, "the provider to take its faults")
    try:
        scene.last(fault.seconds)
        scene.until(lambda: faults.look()["done"], "a call to be hit", HIT_SECONDS)
    finally:
        heal(scene)


def heal(scene: Scene) -> None:
    """No fault any more."""

    def healed() -> bool:
        scene.stack.provider_faults.heal()
        return True

    scene.until(healed, "the provider to heal")
