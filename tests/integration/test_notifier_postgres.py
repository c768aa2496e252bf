"""Losslessness on a real Postgres: journal through the granted view, sockets over loopback, the feed in our hands."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import psycopg
import pytest

from chassis.database import AsyncDatabase
from chassis.errors import Transient
from demae_client import Socket
from notifier.hub import Hub
from notifier.store import HEADS, Journal
from tests.support.push import HAPPY, SAID, Running, Step, new_order_id, raw, running, story, token, until

INSERT = """
INSERT INTO api.journal (id, type, key, payload, at, order_id, version, data)
VALUES (gen_random_uuid(), %(event)s, %(id)s::text, %(payload)s, %(at)s, %(id)s::uuid, %(version)s, '{}')
"""
URL = Callable[..., str]


@dataclass
class Shop:
    """A notifier on a database of its own, and a hand that writes the journal as api would."""

    server: Running
    journal: Journal
    writer: psycopg.AsyncConnection[tuple[object, ...]]

    async def commit(self, *steps: Step) -> None:
        for step in steps:
            number = step.document["version"]
            row = {"event": step.event, "id": step.document["id"], "payload": step.payload, "at": step.at}
            await self.writer.execute(INSERT, row | {"version": number})


@pytest.fixture
async def shop(service_database: URL) -> AsyncIterator[Shop]:
    database = AsyncDatabase(service_database("notifier"), "notifier", 4)
    await database.open()
    journal = Journal(database)
    writer = await psycopg.AsyncConnection.connect(service_database("api"), autocommit=True)
    try:
        async with running(Hub(journal, SAID)) as server:
            yield Shop(server, journal, writer)
    finally:
        await writer.close()
        await database.close()


async def test_reads_the_journal(shop: Shop) -> None:
    """Every version, oldest first, with the event and time that made it."""
    steps = story(new_order_id())
    await shop.commit(*steps)
    versions = await shop.journal.read(steps[0].document["id"])
    assert versions == [step.version for step in steps]


async def test_unknown_order_has_no_versions(shop: Shop) -> None:
    """No rows is an answer."""
    assert await shop.journal.read(new_order_id()) == []


async def test_compares_heads(shop: Shop) -> None:
    """The newest version of each order that has one."""
    first, second = story(new_order_id()), story(new_order_id())
    await shop.commit(*first[:3], second[0])
    ids = [first[0].document["id"], second[0].document["id"], new_order_id()]
    assert await shop.journal.heads(ids) == {ids[0]: 3, ids[1]: 1}


async def test_reads_of_a_herd_share_statements(shop: Shop) -> None:
    """A thousand reads at once need few round trips, and each gets its own order."""
    stories = [story(new_order_id())[:2] for _ in range(200)]
    for steps in stories:
        await shop.commit(*steps)
    found = await asyncio.gather(*(shop.journal.read(steps[0].document["id"]) for steps in stories))
    assert [[version.order.id for version in versions] for versions in found] == [
        [step.document["id"] for step in steps] for steps in stories
    ]


async def test_database_trouble_is_transient(service_database: URL) -> None:
    """A refused connection is not the end of a subscription."""
    url = service_database("notifier")
    database = AsyncDatabase(url.replace("notifier:", "notifier:wrong", 1), "notifier", 1)
    await database.open()
    try:
        with pytest.raises(Transient):
            await Journal(database).read(new_order_id())
    finally:
        await database.close()


async def test_sees_only_the_view(service_database: URL) -> None:
    """The one exception to "no service reads another's tables" is one view."""
    async with await psycopg.AsyncConnection.connect(service_database("notifier")) as connection:
        for statement in ("SELECT 1 FROM api.journal", "SELECT 1 FROM api.orders", "DELETE FROM api.journal_feed"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                await connection.execute(statement)
            await connection.rollback()


async def test_reads_by_the_primary_key(service_database: URL, shop: Shop) -> None:
    """The view's barrier does not hide the order's id from the index."""
    async with await psycopg.AsyncConnection.connect(service_database("notifier")) as connection:
        await connection.execute("SET enable_seqscan = off")
        rows = await connection.execute("EXPLAIN " + HEADS, ["{" + new_order_id() + "}"])
        plan = "\n".join(row[0] for row in await rows.fetchall())
    assert "Index Cond: (order_id = ANY" in plan


async def test_joins_reads_and_follows(shop: Shop) -> None:
    """The story of one subscriber on the real parts but the log."""
    steps = story(new_order_id())
    await shop.commit(*steps[:2])
    async with raw(shop.server.url) as socket:
        await socket.init()
        await socket.subscribe(steps[0].document["id"])
        assert await socket.versions(2) == [1, 2]
        for step in steps[2:]:
            await shop.commit(step)
            shop.server.publish(step)
        assert await socket.versions(5) == [3, 4, 5, 6, 7]
        assert (await socket.receive())["type"] == "complete"


async def test_storm_of_reconnects_loses_nothing(shop: Shop) -> None:
    """Sixty clients are cut at random while records are lost, repeated and late: each sees 1 … n once."""
    dice = random.Random(5)
    stories = [story(new_order_id()) for _ in range(60)]
    for steps in stories:
        await shop.commit(steps[0])

    async def follow(order_id: str) -> list[int]:
        async with Socket(shop.server.url, token()) as socket:
            return [order["version"] async for order in socket.watch(order_id, fields="status")]

    async def carry(steps: list[Step]) -> None:
        for step in steps[1:]:
            await shop.commit(step)
            for _ in range(dice.choice([0, 1, 1, 2])):
                shop.server.publish(*dice.sample(steps[: step.document["version"]], 1), step)
            connections = sorted(shop.server.server.server_state.connections, key=id)
            for connection in dice.sample(connections, min(1, len(connections))):
                connection.transport.abort()
            await asyncio.sleep(0)

    watches = [asyncio.create_task(follow(steps[0].document["id"])) for steps in stories]
    await until(lambda: len(shop.server.server.server_state.connections) >= len(stories))
    await asyncio.gather(*(carry(steps) for steps in stories))
    sweeping = asyncio.create_task(shop.server.hub.run())
    shop.server.hub.resync()
    assert await asyncio.gather(*watches) == [list(range(1, len(HAPPY) + 1))] * len(stories)
    sweeping.cancel()
