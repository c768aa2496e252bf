"""Many random walks, each judged: what was violated, by which seed first, and how orders ended."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from api.domain import Order
from explore.judge import judge
from explore.log import Rules
from explore.walk import Walk
from explore.world import World

MOVES = 200  # with faults, before all is healed
KEPT = Rules()


@dataclass
class Sweep:
    """What came of some walks."""

    runs: int = 0
    steps: int = 0
    violations: Counter[str] = field(default_factory=Counter)
    seeds: dict[str, int] = field(default_factory=dict)
    """The first seed of each violation: `sweep([seed])` is that walk again."""
    endings: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        return "; ".join(f"{what} ({n} times, seed {self.seeds[what]})" for what, n in self.violations.most_common(8))

    def add(self, seed: int, rules: Rules, moves: int) -> None:
        """One more walk."""
        world = World(rules)
        walk = Walk(world, random.Random(seed))
        try:
            walk.run(moves)
            found = {*walk.heal(), *judge(world)}
        except Exception as error:  # a rule that raises is a violation like any other
            found = {f"crash: {type(error).__name__}: {error}"}
        for what in sorted(found):
            self.violations[what] += 1
            self.seeds.setdefault(what, seed)
        self.endings.update(ending(order) for order in world.api.orders.values())
        self.steps += walk.steps
        self.runs += 1

    def merge(self, other: Sweep) -> None:
        """Count what another has counted."""
        self.runs += other.runs
        self.steps += other.steps
        self.violations += other.violations
        self.seeds = other.seeds | self.seeds
        self.endings += other.endings


def sweep(seeds: Iterable[int], rules: Rules = KEPT, moves: int = MOVES) -> Sweep:
    """Walk and judge for each seed."""
    result = Sweep()
    for seed in seeds:
        result.add(seed, rules, moves)
    return result


def ending(order: Order) -> str:
    """How an order came to its end."""
    return order.cancellation.reason if order.cancellation else str(order.status)
