"""Postgres restored from a base backup of the running system, beside topics and a provider that know more."""

import asyncio
import os
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from chassis.envelope import Record, attributes
from chassis.past import Past
from chassis.settings import KafkaSettings
from demae_client import Client, Order, UserErrors
from ground.stack_local import LocalStack, local_stack
from ground.waiting import until
from local import postgres, unprivileged
from runtime.choose import COMPOSE, forced
from tests.support import programs
from tests.support.evidence import captures, versions

KITCHEN = "bench-kitchen"  # cooks in no time
SERVICES = ("api-http", "api-projector", "payment", "delivery", "restaurant", "notifier", "keeper", "connect")
SENTENCE = "Postgres was restored to an earlier time"
JOURNAL = "orders.journal"
KNOWN = "SELECT count(*) FROM api.journal WHERE id::text = ANY(%s)"

pytestmark = pytest.mark.skipif(forced(os.environ) == COMPOSE, reason="it moves the data folder of local processes")


@pytest.fixture
def system() -> Iterator[LocalStack]:
    """One of the test's own: its database is exchanged."""
    with local_stack() as stack:
        yield stack


def as_(stack: LocalStack, who: str, role: str) -> Client:
    return Client(f"{stack.url}/graphql", stack.token(who, role))


async def reach(stack: LocalStack, order_id: str, *statuses: str, settled: bool = False) -> Order:
    """The order, once it stands there: found by a watch that begins anew."""
    async with as_(stack, "test", "support") as client, asyncio.timeout(60):
        async for order in client.watch(order_id, 0):
            if order["status"] in statuses and not (settled and order["payment"]["status"] == "REFUNDING"):
                return order
    raise AssertionError(f"order {order_id} is not {', '.join(statuses)}")


async def cooked(stack: LocalStack, who: str) -> str:
    """A new order, ready to be picked up."""
    async with as_(stack, who, "customer") as client:
        order = await placed(client)
    await reach(stack, order, "READY")
    return order


async def placed(client: Client) -> str:
    """A new order of the first dish."""
    menus = {one["id"]: one["menu"] for one in await client.restaurants(first=100)}
    return (await client.place_order(KITCHEN, {menus[KITCHEN][0]["id"]: 1}, "pm_card_visa"))["id"]


async def delivered(stack: LocalStack, order_id: str) -> None:
    """By its courier; after a restore it may be given to another one meanwhile."""
    async with asyncio.timeout(60):
        while not await _carried(stack, order_id):
            await reach(stack, order_id, "READY")


async def _carried(stack: LocalStack, order_id: str) -> bool:
    async with as_(stack, "test", "support") as client:
        order = await client.order(order_id)
    async with as_(stack, str(order and order["courierId"]), "courier") as client:
        try:
            await client.pick_up(order_id)
        except UserErrors:
            return False
        await client.deliver(order_id)
        return True


async def everywhere(stack: LocalStack, who: str) -> list[str]:
    """Orders that are cancelled at once, so many that each partition of the journal has got some of their versions."""
    made: list[str] = []
    before = await asyncio.to_thread(ends, stack)
    async with as_(stack, who, "customer") as client, asyncio.timeout(120):
        while any(now == before.get(number) for number, now in (await asyncio.to_thread(ends, stack)).items()):
            for _ in range(24):
                made.append(await placed(client))
                await client.cancel(made[-1])
    return made


def ends(stack: LocalStack) -> dict[int, Record | None]:
    """The last record of each partition of the journal."""
    with closing(Past(KafkaSettings(kafka_bootstrap=stack.kafka_bootstrap))) as past:
        return {
            number: next(iter(list(past.since(JOURNAL, [number], None))[-1:]), None)
            for number in past.partitions(JOURNAL)
        }


def read_again(stack: LocalStack) -> bool:
    """The connector has sent the restored tables: every partition ends with what they know."""
    last = [attributes(record)["ce_id"] for record in ends(stack).values() if record]
    with psycopg.connect(stack.database_url()) as db:
        return db.execute(KNOWN, [last]).fetchone() == (len(last),)


def backup(stack: LocalStack) -> Path:
    """`pg_basebackup` of the running server: replication slots are not in it."""
    copy = stack.known.layout.state / "copy"
    copy.mkdir(mode=0o700)
    unprivileged.own(copy)
    program = str(postgres.binaries() / "pg_basebackup")
    words = [program, "-D", str(copy), "-X", "stream", "--checkpoint=fast", "-d", stack.known.cluster.url()]
    subprocess.run([*unprivileged.prefix(), *words], check=True, capture_output=True)
    return copy


def restore(stack: LocalStack, copy: Path) -> None:
    """The runbook's first steps: everything that writes is stopped, the data folder is exchanged, all starts again."""
    for name in (*SERVICES, "postgres"):
        stack.stop(name)
    data = stack.known.cluster.data
    data.rename(data.with_name("lost"))
    copy.rename(data)
    stack.start("postgres")
    stack.wait_ready("postgres")
    for name in SERVICES:
        stack.start(name)


async def test_nothing_published_is_forgotten(system: LocalStack) -> None:
    """api waits, with a sentence, also when the connector has sent the tables once more, which hides what they have
    forgotten behind what they know; after `demae recover` every order is where its people saw it, charged once."""
    for courier in ("c-01", "c-02", "c-03", "c-04"):
        async with as_(system, courier, "courier") as client:
            await client.start_shift()
    done, under_way = await cooked(system, "ann"), await cooked(system, "bob")
    await delivered(system, done)
    await everywhere(system, "fay")
    copy = backup(system)
    await delivered(system, under_way)
    later, open_, cancelled = await cooked(system, "cat"), await cooked(system, "dan"), await cooked(system, "eve")
    await delivered(system, later)
    async with as_(system, "eve", "customer") as client:
        await client.cancel(cancelled)
    seen = {
        order: await reach(system, order, "DELIVERED", "CANCELLED", settled=True)
        for order in (done, under_way, later, cancelled)
    }
    seen[open_] = await reach(system, open_, "READY")
    others = await everywhere(system, "gus")

    await asyncio.to_thread(restore, system, copy)
    until(lambda: read_again(system), 120, "the connector's end")
    for name in ("api-projector", "api-http"):
        log = system.log_ends()[name]
        system.stop(name)
        system.start(name)
        until(lambda: SENTENCE in system.logs(name, log), 60, f"the refusal of {name}")  # noqa: B023
    told = await asyncio.to_thread(programs.run, system, "cli", "recover")
    assert told.returncode == 0, told.stdout + told.stderr
    await asyncio.to_thread(system.wait_ready)

    for order_id, before in seen.items():
        after = await reach(system, order_id, before["status"], settled=True)
        assert after["version"] >= before["version"]
        assert after["payment"]["status"] == before["payment"]["status"]
    await delivered(system, open_)
    assert {order: captures(system.provider_log)[order] for order in seen} == dict.fromkeys(seen, 1)
    for found in versions(system.database_url(), [*seen, *others]).values():
        assert found == list(range(1, max(found) + 1))
    told = await asyncio.to_thread(programs.run, system, "cli", "rebuild")
    assert told.returncode == 0, told.stdout + told.stderr
