"""Acting on what was pushed: a version can reach a client a moment before its commit can be seen by others."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager

import pytest

from api import events
from api.domain import ALLOWANCES
from api.handlers import Projector
from chassis.database import Database
from tests.support.api_house import KEN, LEO, WAY, Client, House, Who, opened, refusals
from tests.support.batches import batch

WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


@pytest.fixture
def house(service_database: Callable[..., str]) -> House:
    """A database of this test's own."""
    return House(service_database)


@pytest.fixture
async def client(house: House) -> AsyncIterator[Client]:
    """The application on it."""
    async with opened(house.url) as client:
        yield client


@contextmanager
def invisible(house: House, order_id: str) -> Iterator[None]:
    """Inside, the order's way to READY is written and not yet visible; at the end it is."""
    database = Database(house.url, "test", 1)
    with database.transaction() as tx:
        facts = [(order_id, fact) for fact in (*WAY, events.OrderReady())]
        Projector(ALLOWANCES).handle(tx, batch(events.READS, facts))
        tx.execute("SELECT 1").fetchone()  # sent, and done
        yield
    database.close()


async def blocked(house: House) -> None:
    """Somebody waits for a lock."""
    deadline = time.monotonic() + 5
    while house.ask(WAITING) == [(0,)]:
        assert time.monotonic() < deadline, "nobody waits for the writer"
        await asyncio.sleep(0.01)


async def acted(house: House, client: Client, who: Who) -> list[tuple[str, str | None]]:
    """The refusals of a pick-up that comes while the order's way is not visible."""
    order_id = await client.placed()
    with invisible(house, order_id):
        act = asyncio.create_task(client.act("pickUpOrder", who, order_id))
        await blocked(house)
    return refusals(await act)


async def test_courier_acts_on_what_was_pushed(house: House, client: Client) -> None:
    """The pick-up waits for the commit that the courier was told of, and is not refused."""
    assert await acted(house, client, KEN) == []


async def test_other_courier_is_still_refused(house: House, client: Client) -> None:
    """What the commit says is decided on, whoever asks."""
    assert [code for code, _ in await acted(house, client, LEO)] == ["NOT_YOURS"]
