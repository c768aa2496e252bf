"""The provider refuses everything for a while; or it is silent for some calls."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from bench import latency
from bench.figures import percentile
from bench.orders import Placed
from trouble.stage import DRAIN_SECONDS, Stage

AFTER_SECONDS = 30.0  # orders go on coming behind an outage: its backlog must go beside them
HANG, HANG_SECONDS = 0.01, 10.0  # share of calls, and for how long
ROUNDS = 2


@dataclass(frozen=True)
class Outage:
    """503 to every call for `seconds`. `paid` and `gone`: how long after it the last order from before its end was paid
    and delivered; None when none of them was.
    """

    rate: float
    seconds: float
    orders: int
    lost: int
    calls: int
    paid: float | None
    gone: float | None


@dataclass(frozen=True)
class Compared:
    """place → delivered in ms: of orders without a trouble in the system, and beside one that was not theirs."""

    without: Sequence[float]
    beside: Sequence[float]
    hit: int

    def ratio(self, percent: float) -> float | None:
        """Of the percentiles, beside over without; None when one side delivered nothing."""
        if not (self.without and self.beside):
            return None
        return percentile(self.beside, percent) / percentile(self.without, percent)


async def unavailable(stage: Stage, rate: float, seconds: float) -> Outage:
    """Orders at a rate while the provider refuses, and for a while behind it."""
    async with stage.faults(seconds, unavailable=1) as provider:
        healed = time.time() + seconds
        orders = await stage.play(f"503 for {seconds:.0f} s", rate, seconds + min(seconds, AFTER_SECONDS))
        calls = (await stage.do(provider.look))["done"].get("unavailable", 0)
    waited = [order for order in orders if order.due < healed]
    facts = stage.truth.journal(stage.marks)
    paid = [fact.at for order in waited for fact in facts.get(order.id, ()) if fact.type == "payment_completed"]
    delivered = [order.delivered_at for order in waited if order.delivered_at is not None]
    lost = sum(order.delivered_at is None for order in orders)
    return Outage(rate, seconds, len(orders), lost, calls, behind(paid, healed), behind(delivered, healed))


def behind(moments: Sequence[float], healed: float) -> float | None:
    """How long after the end of an outage the last one was."""
    return max(moments) - healed if moments else None


async def hanging(stage: Stage, rate: float, seconds: float) -> Compared:
    """In turn: all well, and one call in a hundred hangs. The orders whose call hung are not compared."""
    without, beside, hit = list[Placed](), list[Placed](), set[str]()
    each = seconds / ROUNDS
    for number in range(1, ROUNDS + 1):
        without += await stage.play(f"all well, round {number} of {ROUNDS}", rate, each)
        trouble = {"seed": number, "hang": HANG, "hang_seconds": HANG_SECONDS}
        async with stage.faults(each + DRAIN_SECONDS, **trouble) as provider:
            beside += await stage.play(f"1 % of calls hang, round {number} of {ROUNDS}", rate, each)
            hit |= set((await stage.do(provider.look))["orders"])
    spared = [order for order in beside if order.id not in hit]
    return Compared(latency.delivering(without), latency.delivering(spared), len(beside) - len(spared))
