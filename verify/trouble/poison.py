"""One order in a hundred gets an event that nobody can read; then a person discards what was parked."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property

import psycopg
from confluent_kafka import Producer
from psycopg import sql

from bench import latency
from bench.orders import Placed
from bench.stack import Stack
from chassis.envelope import new_id
from cli import parked_rows
from contracts.catalogue import catalogue
from trouble.provider import ROUNDS, Compared
from trouble.stage import DRAIN_SECONDS, Stage

EVERY = 100  # orders
TOPIC = "orders.events"
# Type and source of what is made unreadable, in turn: between them every consumer of orders' events handles some.
TYPES = (
    ("payment_completed", "payment"),
    ("delivery_assigned", "delivery"),
    ("order_accepted", "restaurant"),
    ("order_created", "api"),
)
BODY = b'{"attempt":'
WRITING = {"partitioner": "murmur2_random", "linger.ms": 0, "log_level": 0}  # a key's records share a partition
LOOK_SECONDS = 0.02

ROWS = "SELECT count(*) FROM {}.parked WHERE key = ANY(%s)"


@dataclass(frozen=True)
class Parked:
    """Poison in the log, the heads it made by consumer and those it had to make, and what is left in the end."""

    rate: float
    injected: int
    heads: Mapping[str, int]
    expected: Mapping[str, int]
    left: int


@dataclass
class Poisoner:
    """Writes bad events for orders, and knows what should become of them."""

    stack: Stack
    kinds: dict[str, str] = field(default_factory=dict)  # order → type of its bad event
    seen: Counter[str] = field(default_factory=Counter)  # heads by service, until they were discarded

    @cached_property
    def producer(self) -> Producer:
        return Producer({"bootstrap.servers": self.stack.kafka, **WRITING})

    @property
    def expected(self) -> Counter[str]:
        """Heads by consumer: everybody who handles the type."""
        readers = {entry.name: entry.consumers for entry in catalogue()}
        return Counter(name for kind in self.kinds.values() for name in readers[kind])

    async def spoil(self, orders: Sequence[Placed], first: int) -> None:
        """For ever: one bad event for every hundredth order as soon as it is acknowledged, from the `first` on."""
        number = first + EVERY // 2
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            while number < len(orders) and orders[number].id:
                self.put(orders[number].id)
                number += EVERY

    def put(self, order: str) -> None:
        """Does not wait for the broker."""
        kind, source = TYPES[len(self.kinds) % len(TYPES)]
        self.kinds[order] = kind
        attributes = {"ce_id": str(new_id()), "ce_source": source, "ce_type": kind, "ce_specversion": "1.0"}
        attributes |= {"ce_time": datetime.now(UTC).isoformat(), "ce_schemaversion": "1"}
        headers: list[tuple[str, str | bytes | None]] = [*attributes.items(), ("content-type", "application/json")]
        self.producer.produce(TOPIC, BODY, order, headers=headers)
        self.producer.poll(0)

    def heads(self) -> Counter[str]:
        """Of these orders, by service."""
        with self._reading() as db:
            return Counter(one.schema for one in self._waiting(db))

    def discard(self) -> None:
        """As `demae parked discard` does: what nobody can ever read is given up, and what waits behind it goes on."""
        with self._reading() as db:
            found = self._waiting(db)
        self.seen.update(one.schema for one in found)
        for service in {one.schema for one in found}:
            with psycopg.connect(self.stack.database(service), autocommit=True) as db:
                mine = [one for one in found if one.schema == service]
                parked_rows.decide(db, mine, "discarded", "trouble", "written by an experiment")

    def left(self) -> int:
        """Rows of these orders that are still parked, behind a head or not."""
        with self._reading() as db:
            counts = [sql.SQL(ROWS).format(sql.Identifier(schema)) for schema in parked_rows.schemas(db)]
            return sum(next(iter(db.execute(count, [list(self.kinds)])))[0] for count in counts)

    def _reading(self) -> parked_rows.Connection:
        return psycopg.connect(self.stack.database("verify"), autocommit=True)

    def _waiting(self, db: parked_rows.Connection) -> list[parked_rows.Parked]:
        return [one for one in parked_rows.waiting(db) if one.key in self.kinds]


async def poison(stage: Stage, rate: float, seconds: float) -> tuple[Compared, Parked]:
    """In turn: all well, and poison. Poisoned orders are not compared; once it is discarded they are delivered, too."""
    without, beside, poisoner = list[Placed](), list[Placed](), Poisoner(stage.stack)
    for number in range(1, ROUNDS + 1):
        without += await stage.play(f"all well, round {number} of {ROUNDS}", rate, seconds / ROUNDS)
        beside += await _round(stage, poisoner, f"poison, round {number} of {ROUNDS}", rate, seconds / ROUNDS)
    spared = [order for order in beside if order.id not in poisoner.kinds]
    compared = Compared(latency.delivering(without), latency.delivering(spared), len(beside) - len(spared))
    left = await stage.do(poisoner.left)
    return compared, Parked(rate, len(poisoner.kinds), poisoner.seen, poisoner.expected, left)


async def _round(stage: Stage, poisoner: Poisoner, name: str, rate: float, seconds: float) -> Sequence[Placed]:
    """-> its orders, when all have ended."""
    async with spoiling(stage, poisoner):
        orders = await stage.arrive(name, rate, seconds)
        chosen = orders[EVERY // 2 :: EVERY]
        await stage.until(lambda: all(order.id in poisoner.kinds for order in chosen), "the last bad event")
    await stage.load.drain(DRAIN_SECONDS)
    await stage.until(lambda: poisoner.left() == 0, "what stood behind it")
    return orders


@asynccontextmanager
async def spoiling(stage: Stage, poisoner: Poisoner) -> AsyncIterator[None]:
    """Bad events for some of the orders that come in the block; behind it, however it ends, a person discards them."""
    before = poisoner.expected
    work = asyncio.create_task(poisoner.spoil(stage.load.orders, len(stage.load.orders)))
    try:
        yield
    finally:
        work.cancel()
        new = poisoner.expected - before
        await stage.until(lambda: poisoner.heads() == new, "all that is bad to be parked")
        await stage.do(poisoner.discard)
