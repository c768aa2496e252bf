"""When orders are placed: at a fixed rate whatever the system does, or as many as a window lets through."""

import asyncio
import time

from bench.load import Load


async def fixed(load: Load, rate: float, seconds: float) -> None:
    """Open loop: order i is due at i/rate, and waits for nobody. Returns when the last one was begun."""
    begin = time.time()
    for number in range(int(rate * seconds)):
        due = begin + number / rate
        if (early := due - time.time()) > 0:
            await asyncio.sleep(early)
        load.begin(due)


async def full(load: Load, window: int, seconds: float) -> None:
    """Full rate: never more than `window` orders in flight, so that no backlog can grow behind the figure."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        await load.room(window)
        load.begin(time.time())
