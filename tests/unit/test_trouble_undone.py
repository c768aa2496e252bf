"""The system is as it was when an experiment has ended, however it ended."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import Mock

import pytest

from bench.orders import Placed
from trouble import provider
from trouble.poison import EVERY, Poisoner, spoiling
from trouble.stage import Stage


@dataclass
class Provider:
    """Writes down what it is told."""

    told: list[str] = field(default_factory=list)

    def set(self, **faults: float) -> None:
        self.told.append(f"set {' '.join(sorted(faults))}")

    def look(self) -> dict[str, Any]:
        return {"done": {"unavailable": 3}, "orders": []}

    def heal(self) -> None:
        self.told.append("heal")


class Dying(Stage):
    """Whoever plays beside a trouble is told to end."""

    async def play(self, name: str, rate: float, seconds: float) -> list[Placed]:
        if name.startswith("all well"):
            return []
        raise asyncio.CancelledError


def stage(kind: type[Stage] = Stage, **stack: Any) -> Stage:
    """Without a load."""
    return kind(Mock(**stack), Mock(orders=[]), Mock(), Mock(), lambda _text: None)


@pytest.mark.parametrize("experiment", [provider.unavailable, provider.hanging])
async def test_provider_is_healed(experiment: Any) -> None:
    """Ctrl-C in the midst of it; and should that fail, too, the trouble ends by itself."""
    there = Provider()
    with pytest.raises(asyncio.CancelledError):
        await experiment(stage(Dying, provider_faults=there), 5.0, 1.0)
    assert [told.split()[0] for told in there.told] == ["set", "heal"]
    assert "seconds" in there.told[0]


class Writer(Poisoner):
    """Nothing is written; what is, is parked by one service a moment later."""

    parked: int = 0
    discarded: int = 0

    def put(self, order: str) -> None:
        self.kinds[order] = "payment_completed"

    @property
    def expected(self) -> Counter[str]:
        return Counter(api=len(self.kinds))

    def heads(self) -> Counter[str]:
        seen = self.parked
        self.parked = len(self.kinds)
        return Counter(api=seen)

    def discard(self) -> None:
        self.discarded += self.parked


async def test_poison_is_discarded() -> None:
    """All of it, also what is parked only after the end; and nothing more is written."""
    here, writer = stage(), Writer(Mock())
    orders = here.load.orders
    with pytest.raises(asyncio.CancelledError):
        async with spoiling(here, writer):
            orders += [Placed(str(n), 0.0, id=str(n)) for n in range(2 * EVERY)]
            await here.until(lambda: len(writer.kinds) == 2, "poison")
            raise asyncio.CancelledError
    orders += [Placed(str(n), 0.0, id=str(n)) for n in range(2 * EVERY)]
    await asyncio.sleep(0.05)
    assert (len(writer.kinds), writer.discarded) == (2, 2)
