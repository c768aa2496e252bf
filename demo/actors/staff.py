"""Couriers and kitchens: people who look at their open orders again and again and do what is due."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence

from actors.people import As, passing
from demae_client import Client, DemaeError, Order, UserErrors

Duty = Callable[[str], Awaitable[Order]]
LIST = 100


async def courier(speak_as: As, name: str, period: float) -> None:
    """Start a shift; then pick up what is ready and deliver it, until cancelled."""
    async with speak_as(name, "courier") as client:
        await persist(client.start_shift, period)
        await attend(client, {"READY": client.pick_up, "PICKED_UP": client.deliver}, period)


async def go_home(speak_as: As, name: str) -> None:
    """End the courier's shift; a system that is away keeps it."""
    async with speak_as(name, "courier") as client:
        try:
            await client.end_shift()
        except DemaeError as error:
            if not passing(error):
                raise


async def kitchen(speak_as: As, name: str, period: float) -> None:
    """Say that accepted dishes are ready, until cancelled. Harmless in a kitchen that does so by itself."""
    async with speak_as(name, "restaurant") as client:
        await attend(client, {"ACCEPTED": client.mark_ready}, period)


async def attend(client: Client, duties: Mapping[str, Duty], period: float) -> None:
    """Every `period` seconds, for each open order: the duty of its status, and of the status that follows from it."""
    while True:
        await asyncio.sleep(random.uniform(0.5, 1.5) * period)
        try:
            await serve(await client.orders(first=LIST, only_open=True), duties)
        except DemaeError as error:
            if not passing(error):
                raise


async def serve(orders: Sequence[Order], duties: Mapping[str, Duty]) -> None:
    """Do what is due now. An order that went on meanwhile refuses, and that is all right."""
    for order in orders:
        now = order
        try:
            while duty := duties.get(now["status"]):
                now = await duty(now["id"])
        except UserErrors:
            continue


async def persist(ask: Callable[[], Awaitable[object]], period: float) -> None:
    """Ask until it is answered. Raises what does not pass by itself."""
    while True:
        try:
            await ask()
        except DemaeError as error:
            if not passing(error):
                raise
            await asyncio.sleep(period)
        else:
            return
