"""The provider refuses everything for a while; or it is silent for some calls."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from bench import latency
from bench.orders import Placed
from trouble.stage import Stage

AFTER_SECONDS = 30.0  # orders go on coming behind an outage: its backlog must go beside them
HANG, HANG_SECONDS = 0.01, 10.0  # share of calls, and for how long
ROUNDS = 2


@dataclass(frozen=True)
class Outage:
    """503 to every call for `seconds`. `paid` and `gone`: how long after it the last order from before its end was paid
    and delivered.
    """

    rate: float
    seconds: float
    orders: int
    lost: int
    calls: int
    paid: float
    gone: float


@dataclass(frozen=True)
class Compared:
    """place → delivered in ms: of orders without a trouble in the system, and beside one that was not theirs."""

    without: Sequence[float]
    beside: Sequence[float]
    hit: int


async def unavailable(stage: Stage, rate: float, seconds: float) -> Outage:
    """Orders at a rate while the provider refuses, and for a while behind it."""
    faults = stage.stack.provider_faults
    await stage.do(partial(faults.set, unavailable=1, seconds=seconds))
    healed = time.time() + seconds
    orders = await stage.play(f"503 for {seconds:.0f} s", rate, seconds + min(seconds, AFTER_SECONDS))
    calls = (await stage.do(faults.look))["done"].get("unavailable", 0)
    waited = [order for order in orders if order.due < healed]
    facts = stage.truth.journal(stage.marks)
    paid = [fact.at for order in waited for fact in facts.get(order.id, ()) if fact.type == "payment_completed"]
    delivered = [order.delivered_at for order in waited if order.delivered_at is not None]
    lost = sum(order.delivered_at is None for order in orders)
    gone = [max(moments, default=healed) - healed for moments in (paid, delivered)]
    return Outage(rate, seconds, len(orders), lost, calls, *gone)


async def hanging(stage: Stage, rate: float, seconds: float) -> Compared:
    """In turn: all well, and one call in a hundred hangs. The orders whose call hung are not compared."""
    faults = stage.stack.provider_faults
    without, beside, hit = list[Placed](), list[Placed](), set[str]()
    for number in range(1, ROUNDS + 1):
        without += await stage.play(f"all well, round {number} of {ROUNDS}", rate, seconds / ROUNDS)
        await stage.do(partial(faults.set, seed=number, hang=HANG, hang_seconds=HANG_SECONDS))
        beside += await stage.play(f"1 % of calls hang, round {number} of {ROUNDS}", rate, seconds / ROUNDS)
        hit |= set((await stage.do(faults.look))["orders"])
        await stage.do(faults.heal)
    spared = [order for order in beside if order.id not in hit]
    return Compared(latency.delivering(without), latency.delivering(spared), len(beside) - len(spared))
