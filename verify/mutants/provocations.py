"""What brings mutants to light: a little load, and the one kind of trouble in which the difference shows.

The same trouble must leave a sound system sound: each provocation is tried on it first.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from confluent_kafka import Producer

from chaos.journeys import DECLINED, MANUAL, Courier, Kitchen, Wish
from chaos.records import ORDERS, sound
from chaos.stories import Story
from chaos.town import Town
from chassis.envelope import new_id
from check.history import Recorder
from check.topics import EVENTS, reading
from ground.stack import Stack

# In ticks: what nobody acts on ends soon; a standstill is longer than any of them.
ALLOWANCES = {
    "payment_timeout": 12,
    "payment_failed": 8,
    "no_courier": 12,
    "restaurant_silent": 12,
    "not_ready": 12,
    "not_picked_up": 12,
    "not_delivered": 12,
}
STANDSTILL_SECONDS = 20.0
SLOW = {"slow_ms": 1500}
LOST = {"lose_answer": 0.35, "seed": 1}  # with more the circuit opens, and orders end before they are asked for again
PATIENCE_SECONDS = 30.0
LEFT = Wish(card=DECLINED[0])
COOKED = Wish(restaurant="sobaya", item="edamame")


@dataclass
class Stage:
    """A system, a town in it, and the history of what is done to it."""

    stack: Stack
    town: Town
    recorder: Recorder
    failpoints: Path

    async def orders(self, wishes: Sequence[Wish], apart: float = 0.1) -> list[Story]:
        """Customers with these wishes, one after the other."""
        found = []
        for wish in wishes:
            found.append(self.town.welcome(wish))
            await asyncio.sleep(apart)
        return found

    async def cancelled(self, stories: Sequence[Story]) -> None:
        """Their customers cancel them, all at once."""
        desk, town = self.town.desk, self.town
        await asyncio.gather(*(desk.act(town.customer(one), "cancelOrder", one.id) for one in stories))

    async def until(self, condition: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> None:
        """Waits for it on the event loop, and goes on without it after a while: what is missing is the check's word."""
        deadline = asyncio.get_running_loop().time() + seconds
        while not condition() and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110 - of other processes
            await asyncio.sleep(0.05)

    @asynccontextmanager
    async def frozen(self, process: str) -> AsyncIterator[None]:
        """The process does nothing meanwhile."""
        fault = self.recorder.fault("pause", process)
        await asyncio.to_thread(self.stack.pause, process)
        try:
            yield
        finally:
            await asyncio.to_thread(self.stack.resume, process)
            fault.healed()
        await asyncio.to_thread(self.stack.wait_ready, process)
        fault.recovered()

    async def stopped(self, process: str, while_it_is: Callable[[], Awaitable[object]]) -> None:
        """The process is not there meanwhile."""
        fault = self.recorder.fault("stop", process)
        await asyncio.to_thread(self.stack.stop, process)
        await while_it_is()
        await asyncio.to_thread(self.stack.start, process)
        fault.healed()
        await asyncio.to_thread(self.stack.wait_ready, process)
        fault.recovered()


Provoke = Callable[[Stage], Awaitable[None]]


async def calm(stage: Stage) -> None:
    """No trouble at all: orders that are delivered, declined ones that a deadline ends, strangers who peep."""
    await stage.orders([Wish(curious=True), LEFT, Wish(), LEFT] * 3, apart=0.3)


async def repeats(stage: Stage) -> None:
    """A courier leaves, another comes; then the broker tells again what it told about the first."""
    leaving = Wish(restaurant=MANUAL[0], item=MANUAL[1], kitchen=Kitchen.SLEEPS, courier=Courier.LEAVES)
    stories = await stage.orders([leaving] * 4)
    await stage.until(lambda: all(story.version > 4 or story.ending for story in stories))
    await asyncio.to_thread(tell_again, stage, [story.id for story in stories])


async def crashes(stage: Stage) -> None:
    """Two consumers die where a batch is written and not committed, some times each, while orders flow."""

    async def dies(process: str) -> None:
        armed = stage.failpoints / f"batch.before_commit@{process}"
        fault = stage.recorder.fault("failpoint", process, detail=armed.name)
        armed.touch()
        await stage.until(lambda: not armed.exists(), 10)
        armed.unlink(missing_ok=True)
        await asyncio.to_thread(stage.stack.wait_ready, process)
        fault.recovered()

    flowing = asyncio.create_task(stage.orders([Wish(), COOKED] * 40, apart=0.25))
    for _ in range(3):
        await asyncio.gather(dies("api-projector"), dies("delivery"))
    flowing.cancel()


async def cancels(stage: Stage) -> None:
    """Orders are cancelled while they are being charged, and the log stands: the end comes out before the payment."""
    with stage.stack.provider_faults.during(**SLOW), psycopg.connect(stage.stack.database_url("verify")) as db:
        db.autocommit = True
        stories = await stage.orders([Wish()] * 6, apart=0.02)
        await stage.until(lambda: all(story.id for story in stories))
        ids = [story.id for story in stories]
        await stage.until(lambda: db.execute(WITH_INTENT, [ids]).fetchone() == (len(ids),))
        async with stage.frozen("connect"):
            await stage.cancelled(stories)
            await stage.until(lambda: db.execute(CHARGED, [ids]).fetchone() == (len(ids),), 5)


WITH_INTENT = "SELECT count(*) FROM payment.payment WHERE order_id = ANY(%s) AND intent IS NOT NULL"
CHARGED = "SELECT count(*) FROM payment.payment WHERE order_id = ANY(%s) AND captured"


async def standstill(stage: Stage) -> None:
    """Nothing comes out of the log for longer than any allowance, while orders are placed."""

    async def go_on() -> None:
        await stage.orders([Wish()] * 10, apart=0.5)
        await asyncio.sleep(STANDSTILL_SECONDS - 5)

    await stage.orders([Wish(), COOKED] * 3)
    await stage.stopped("connect", go_on)


async def slow_provider(stage: Stage) -> None:
    """Each call to the provider takes longer than the time between two scans."""
    with stage.stack.provider_faults.during(**SLOW):
        stories = await stage.orders([Wish()] * 8)
        await stage.until(lambda: all(story.status not in ("", "PLACED") for story in stories))


async def lost_answers(stage: Stage) -> None:
    """The provider does what it is asked, and one answer in three is lost."""
    with stage.stack.provider_faults.during(**LOST):
        stories = await stage.orders([Wish()] * 30, apart=0.1)
        await stage.until(lambda: all(story.status not in ("", "PLACED") for story in stories))


async def poison(stage: Stage) -> None:
    """An event about no order, among those of real ones: its batch is rolled back and done again without it."""
    flowing = asyncio.create_task(stage.orders([Wish()] * 30, apart=0.1))
    for _ in range(5):
        await asyncio.sleep(0.5)
        await asyncio.to_thread(tell_of_nobody, stage)
    await flowing


async def lost_slot(stage: Stage) -> None:
    """The slot is dropped while Connect stands, behind orders and their cancels: all is read from the tables again."""

    async def lose() -> None:
        stories = await stage.orders([Wish()] * 6)
        await stage.until(lambda: all(story.id for story in stories))
        await stage.cancelled(stories)
        with psycopg.connect(stage.stack.database_url("postgres"), autocommit=True) as db:
            await stage.until(lambda: not db.execute(HELD).fetchone())
            db.execute("SELECT pg_drop_replication_slot('demae')")

    await stage.orders([Wish()] * 4)
    await stage.stopped("connect", lose)


HELD = "SELECT 1 FROM pg_replication_slots WHERE slot_name = 'demae' AND active"

PROVOCATIONS: Mapping[str, Provoke] = {
    "calm": calm,
    "repeats": repeats,
    "crashes": crashes,
    "cancels": cancels,
    "standstill": standstill,
    "slow provider": slow_provider,
    "lost answers": lost_answers,
    "poison": poison,
    "lost slot": lost_slot,
}


def tell_again(stage: Stage, orders: Sequence[str]) -> None:
    """Every record of these orders once more, as it is."""
    producer = _producer(stage)
    with reading({"bootstrap.servers": stage.stack.kafka_bootstrap}) as topics:
        _, ends = topics.bounds()
        for message in topics.read([EVENTS], ends):
            if (message.key() or b"").decode() in orders:
                producer.produce(
                    EVENTS,
                    key=message.key(),
                    value=message.value(),
                    headers=message.headers(),
                    partition=message.partition() or 0,
                )
    producer.flush(10)


def tell_of_nobody(stage: Stage) -> None:
    """A courier for an order that was never placed: api and restaurant can only set it aside."""
    key, told = str(new_id()), []
    headers = sound("delivery_assigned", "delivery") | {"ce_time": "2026-01-01T00:00:00Z"}
    producer = _producer(stage)
    producer.produce(
        ORDERS,
        key=key,
        value=b'{"n":1,"courier_id":"c-01"}',
        headers=[(name, value) for name, value in headers.items() if value is not None],
        on_delivery=lambda _error, sent: told.append(sent),
    )
    producer.flush(10)
    place = (ORDERS, told[0].partition() or 0, told[0].offset() or 0)
    stage.recorder.poison(
        "nobody's order", place, key, kind="delivery_assigned", source="delivery", event_id=headers["ce_id"]
    )


def _producer(stage: Stage) -> Producer:
    # The partitioner of Java's clients: a key's records share a partition, whoever writes them.
    return Producer({"bootstrap.servers": stage.stack.kafka_bootstrap, "partitioner": "murmur2_random", "log_level": 0})
