"""One order from placed to delivered, in a running system: for tests of what follows from that."""

from uuid import uuid4

from demae_client import Client
from ground.stack import Stack

COURIERS = ("c-01", "c-02", "c-03")


def speak_as(stack: Stack, subject: str, role: str) -> Client:
    """A client of somebody."""
    return Client(f"{stack.url}/graphql", stack.token(subject, role))


async def deliver_one(stack: Stack) -> str:
    """Places an order and is its courier; -> its id, when the customer was told that it is delivered."""
    for name in COURIERS:
        async with speak_as(stack, name, "courier") as courier:
            await courier.start_shift()
    async with speak_as(stack, f"customer-{uuid4()}", "customer") as customer:
        placed = await customer.place_order("bench-kitchen", {"ration": 1})
        async for order in customer.watch(placed["id"]):
            if order["status"] == "READY":
                async with speak_as(stack, order["courierId"] or "", "courier") as courier:
                    await courier.pick_up(order["id"])
                    await courier.deliver(order["id"])
    return placed["id"]
