"""GET /orders/{id} over a real uvicorn on loopback: connections, restarts, and what the document promises."""

import asyncio
import time
from collections.abc import AsyncIterator

import httpx
import pytest

from notifier import metrics
from notifier.hub import Hub
from tests.support.openapi import conform
from tests.support.push import SAID, MemoryJournal, Running, Step, new_order_id, running, story, token, until

PATH = "/orders/{id}"


@pytest.fixture
def journal() -> MemoryJournal:
    return MemoryJournal()


@pytest.fixture
async def server(journal: MemoryJournal) -> AsyncIterator[Running]:
    async with running(Hub(journal, SAID)) as server:
        yield server


@pytest.fixture
async def http(server: Running) -> AsyncIterator[httpx.AsyncClient]:
    """Ada's client."""
    async with httpx.AsyncClient(base_url=server.http, headers={"authorization": f"Bearer {token()}"}) as http:
        yield http


@pytest.fixture
def steps(journal: MemoryJournal) -> list[Step]:
    """An order that has been placed."""
    steps = story(new_order_id())
    journal.append(steps[0])
    return steps


def address(steps: list[Step], query: str = "") -> str:
    return f"/orders/{steps[0].document['id']}{query}"


async def follow(http: httpx.AsyncClient, where: str) -> list[int]:
    """The versions that a polling client sees until the order is delivered."""
    seen = [0]
    while True:
        answer = conform(await http.get(f"{where}?after={seen[-1]}&wait=30", timeout=35), PATH)
        if answer.status_code == 200:
            seen.append(answer.json()["version"])
            if answer.json()["status"] == "DELIVERED":
                return seen[1:]


async def test_follows_an_order_to_its_end(
    server: Running, http: httpx.AsyncClient, journal: MemoryJournal, steps: list[Step]
) -> None:
    """Poll after poll on one connection; a version that comes between two polls is found by the next."""
    following = asyncio.create_task(follow(http, address(steps)))
    for step in steps[1:]:
        await until(lambda: server.hub.follows(steps[0].record.key))
        journal.append(step)
        server.publish(step)
    seen = await following
    assert seen == sorted(set(seen)) and seen[-1] == len(steps)


async def test_head_says_the_version(http: httpx.AsyncClient, steps: list[Step]) -> None:
    """The tag and the length without the order; the connection goes on."""
    got = conform(await http.get(address(steps)), PATH)
    for _ in range(2):
        head = conform(await http.head(address(steps)), PATH)
        assert (head.headers["etag"], head.headers["content-length"]) == ('"1"', str(len(got.content)))
    assert conform(await http.head(address(steps, "?after=1")), PATH).status_code == 304


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        ("", {}, 200),
        ("?after=1", {}, 304),
        ("", {"if-none-match": 'W/"1"'}, 304),
        ("?wait=31", {}, 400),
        ("?after=-1", {}, 400),
        ("", {"authorization": "Bearer x"}, 401),
        ("", {"authorization": f"Bearer {token('eve')}"}, 404),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_answer_is_the_document_s(
    http: httpx.AsyncClient, steps: list[Step], method: str, query: str, headers: dict[str, str], status: int
) -> None:
    """Status, headers, media type and body are those that contracts/openapi.yaml tells of."""
    answer = await http.request(method, address(steps, query), headers=headers)
    assert conform(answer, PATH).status_code == status


async def test_client_that_leaves_is_forgotten(server: Running, http: httpx.AsyncClient, steps: list[Step]) -> None:
    """Nothing waits for somebody who has closed the connection."""
    gone = metrics.polls.labels("gone")._value
    before = gone.get()
    poll = asyncio.create_task(http.get(address(steps, "?after=1&wait=30")))
    await until(lambda: server.hub.follows(steps[0].record.key))
    poll.cancel()
    await until(lambda: not server.hub.follows(steps[0].record.key))
    await until(lambda: gone.get() == before + 1)


async def test_stop_sends_pollers_away(journal: MemoryJournal, steps: list[Step]) -> None:
    """Who waits is told at once to come back, and the process ends without waiting for anybody."""
    async with running(Hub(journal, SAID)) as server:
        headers = {"authorization": f"Bearer {token()}"}
        async with httpx.AsyncClient(base_url=server.http, headers=headers) as http:
            poll = asyncio.create_task(http.get(address(steps, "?after=1&wait=30")))
            await until(lambda: server.hub.follows(steps[0].record.key))
            began = time.monotonic()
            server.server.should_exit = True
            answer = conform(await poll, PATH)
    assert (answer.status_code, answer.headers["connection"]) == (503, "close")
    assert time.monotonic() - began < 3


async def test_many_wait_for_one_order(server: Running, journal: MemoryJournal, steps: list[Step]) -> None:
    """A version wakes everybody, in each role."""
    async with httpx.AsyncClient(base_url=server.http, limits=httpx.Limits(max_connections=None)) as http:
        bearers = [token(), token("sobaya", "restaurant"), token("x", "support")] * 50
        query = address(steps, "?after=1&wait=30")
        polls = [asyncio.create_task(http.get(query, headers={"authorization": f"Bearer {one}"})) for one in bearers]
        await until(lambda: metrics.waiting._value.get() == len(bearers))
        journal.append(steps[1])
        server.publish(steps[1])
        answers = await asyncio.gather(*polls)
    assert {(answer.status_code, answer.headers["etag"]) for answer in answers} == {(200, '"2"')}
    assert metrics.waiting._value.get() == 0
