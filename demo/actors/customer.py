"""A customer: places one order, by one key however often it has to ask, and follows it to its end."""

import asyncio
import random
import time
import uuid
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from actors.people import passing
from demae_client import Client, DemaeError, Restaurant

AGAIN_SECONDS = 0.5


@dataclass
class Story:
    """What one customer saw. Times are seconds of a monotonic clock; `end` is empty while the order has not ended."""

    key: str = field(default_factory=lambda: uuid.uuid4().hex)
    began: float = field(default_factory=time.monotonic)
    order_id: str = ""
    end: str = ""
    reason: str = ""
    payment: str = ""
    version: int = 0
    took: float = 0.0
    fault: str = ""

    @property
    def unfinished(self) -> bool:
        """Acknowledged, and not seen to its end."""
        return bool(self.order_id) and not self.end


async def live(client: Client, restaurants: Sequence[Restaurant], story: Story, card: str = "pm_card_visa") -> None:
    """Place and follow. What is wrong for good stands in `story.fault`; passing trouble is waited out."""
    try:
        await place(client, random.choice(restaurants), story, card)
        await follow(client, story)
    except DemaeError as error:
        story.fault = str(error)


async def place(client: Client, restaurant: Restaurant, story: Story, card: str) -> None:
    """One or two dishes; asks with the same key until there is an answer."""
    dishes = random.sample(restaurant["menu"], k=min(len(restaurant["menu"]), random.randint(1, 2)))
    wanted = {dish["id"]: 1 for dish in dishes}
    while not story.order_id:
        try:
            placed = await client.place_order(restaurant["id"], wanted, card, idempotency_key=story.key)
            story.order_id = placed["id"]
        except DemaeError as error:
            if not passing(error):
                raise
            await asyncio.sleep(AGAIN_SECONDS)


async def follow(client: Client, story: Story) -> None:
    """Watch every version until the stream completes; passing trouble resumes behind the last version seen."""
    watching = True
    while watching:
        try:
            versions: Any = client.watch(story.order_id, story.version)
            async with aclosing(versions) as pushed:
                async for order in pushed:
                    note(story, order)
            watching = False
        except DemaeError as error:
            if not passing(error):
                raise
            await asyncio.sleep(AGAIN_SECONDS)


def note(story: Story, order: Any) -> None:
    """Keep what the report tells."""
    if order["status"] in ("DELIVERED", "CANCELLED") and not story.end:
        story.end = order["status"]
        story.took = time.monotonic() - story.began
        story.reason = (order["cancellation"] or {}).get("reason", "")
    story.payment = order["payment"]["status"]
    story.version = order["version"]
