"""GET /orders/{id}: the newest version once, with the cursor and the guards of a subscription."""

import asyncio
import json
import time
from dataclasses import replace
from typing import Any
from unittest import mock

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notifier import channel, polling
from notifier.domain import Principal, Role
from notifier.hub import Hub
from notifier.operations import Operations
from notifier.polling import Poll, Polls
from notifier.server import application
from notifier.socket import Endpoint
from notifier.story import Story
from notifier.tokens import verifier
from notifier.versions import Unreadable, Version
from tests.support.push import (
    CANCELLED,
    HAPPY,
    SAID,
    SECRET,
    MemoryJournal,
    Step,
    new_order_id,
    schema,
    story,
    token,
    until,
)

ADA = Principal("ada", Role.CUSTOMER)
OPERATIONS = Operations(schema())
VERIFY = verifier(SECRET)


class World:
    """One order, its journal, and the application."""

    def __init__(self, steps: list[Step] | None = None) -> None:
        self.journal = MemoryJournal()
        self.hub = Hub(self.journal, SAID)
        self.polls = Polls(self.hub, VERIFY)
        self.steps = steps or story(new_order_id())
        self.order_id: str = self.steps[0].document["id"]
        app = application(Endpoint(self.hub, OPERATIONS, VERIFY), self.polls)
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://notifier")

    def commit(self, *numbers: int) -> None:
        for number in numbers:
            self.journal.append(self.steps[number - 1])

    def publish(self, *numbers: int) -> None:
        self.hub.deliver([self.steps[number - 1].record for number in numbers])

    async def get(self, query: str = "", order_id: str = "", who: str = "", **headers: str) -> httpx.Response:
        """One poll, of Ada's unless somebody else asks."""
        sent = {"authorization": f"Bearer {who or token()}"} | headers
        return await self.http.get(f"/orders/{order_id or self.order_id}{query}", headers=sent)

    async def waiting(self, query: str) -> "asyncio.Task[httpx.Response]":
        """A poll that has read the journal and waits."""
        reads = self.journal.reads
        poll = asyncio.create_task(self.get(query))
        await until(lambda: self.journal.reads > reads)
        for _ in range(5):
            await asyncio.sleep(0)
        assert not poll.done()
        return poll


def code(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of a problem."""
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


async def test_answers_the_newest_version() -> None:
    """At once when the client has less; the timeline has what happened between."""
    world = World()
    world.commit(1, 2, 3)
    answer = await world.get("?after=1&wait=30")
    order = answer.json()
    assert (answer.status_code, answer.headers["etag"], order["version"], order["status"]) == (
        200, '"3"', 3, "COURIER_ASSIGNED",
    )  # fmt: skip
    assert [entry["version"] for entry in order["timeline"]] == [1, 2, 3]


async def test_answer_is_the_schema_s_order() -> None:
    """The very members of a push that selects everything."""
    world = World()
    world.commit(1)
    assert (await world.get()).json().keys() == schema().type_map["Order"].fields.keys()  # type: ignore[attr-defined]


async def test_nothing_newer_is_not_modified() -> None:
    """Without a wait at once; the tag is the version."""
    world = World()
    world.commit(1, 2)
    answer = await world.get("?after=2")
    assert (answer.status_code, answer.headers["etag"], answer.content) == (304, '"2"', b"")


@pytest.mark.parametrize(
    ("tags", "status"),
    [
        ('"2"', 304),
        ('W/"2"', 304),
        ('"1", "2"', 304),
        ("*", 304),
        ('"1"', 200),
        ('"x"', 200),
        ("2", 200),
        ('"99999999999999999999"', 200),
    ],
)
async def test_tag_is_a_cursor(tags: str, status: int) -> None:
    """If-None-Match says what the client has, as `after` does; what is no tag of ours says nothing."""
    world = World()
    world.commit(1, 2)
    assert (await world.get(**{"if-none-match": tags})).status_code == status


async def test_waits_for_the_next_version() -> None:
    """The topic wakes the poll."""
    world = World()
    world.commit(1)
    poll = await world.waiting("?after=1&wait=30")
    world.commit(2)
    world.publish(2)
    assert (await poll).json()["version"] == 2


async def test_tag_waits_as_well() -> None:
    """A conditional request may wait for the condition."""
    world = World()
    world.commit(1)
    poll = asyncio.create_task(world.get("?wait=30", **{"if-none-match": '"1"'}))
    await until(lambda: world.hub.follows(world.order_id.encode()) and world.journal.reads > 0)
    world.commit(2)
    world.publish(2)
    assert (await poll).json()["version"] == 2


async def test_wait_ends_without_news() -> None:
    """304 after so many seconds, and nothing is left behind."""
    world = World()
    world.commit(1)
    answer = await world.get("?after=1&wait=1")
    assert answer.status_code == 304
    assert not world.hub.follows(world.order_id.encode())


async def test_end_of_wait_waits_for_the_read() -> None:
    """Whether the order may be seen is known from the journal only: not even "nothing new" is said before."""
    world = World()
    world.commit(1)
    world.journal.gate.clear()
    poll = asyncio.create_task(world.get("?after=1"))
    await world.journal.began.wait()
    for _ in range(5):
        await asyncio.sleep(0)
    assert not poll.done()
    world.journal.gate.set()
    assert (await poll).status_code == 304


async def test_gap_is_read() -> None:
    """A record that leaves some out brings the newest version of the table, whole."""
    world = World()
    world.commit(1)
    poll = await world.waiting("?after=1&wait=30")
    world.commit(2, 3, 4)
    world.publish(4)
    order = (await poll).json()
    assert (order["version"], len(order["timeline"])) == (4, 4)


async def test_sweep_wakes_a_poll() -> None:
    """A record that was lost costs time, no version."""
    world = World()
    world.commit(1)
    poll = await world.waiting("?after=1&wait=30")
    world.commit(2)
    await world.hub.sweep()
    assert (await poll).json()["version"] == 2


async def test_settled_order_keeps_nobody_waiting() -> None:
    """Who has the last version is told at once that there is nothing newer."""
    world = World(story(new_order_id(), CANCELLED))
    world.commit(1, 2, 3, 4)
    async with asyncio.timeout(1):
        assert (await world.get("?after=4&wait=30")).status_code == 304


@pytest.mark.parametrize("query", ["", "?after=1", "?after=9&wait=30"])
async def test_strangers_find_no_order(query: str) -> None:
    """Somebody else's order, an unknown one and no id at all look the same, whatever the cursor."""
    world = World()
    world.commit(1)
    answers = [
        await world.get(query, who=token("eve")),
        await world.get(query, who=token("ada", "restaurant")),
        await world.get(query, order_id=new_order_id()),
        await world.get(query, order_id="no-id"),
    ]
    assert [code(answer) for answer in answers] == [(404, "ORDER_NOT_FOUND")] * 4
    assert len({answer.content for answer in answers}) == 1


async def test_replaced_courier_is_told_no_more() -> None:
    """Not even the version that says so."""
    world = World()
    world.commit(1, 2, 3)
    poll = asyncio.create_task(world.get("?after=3&wait=30", who=token("courier-1", "courier")))
    await until(lambda: world.journal.reads > 0)
    other = replace(world.steps[3], document=world.steps[3].document | {"courier_id": "courier-2"})
    world.journal.append(other)
    world.hub.deliver([other.record])
    assert code(await poll) == (404, "ORDER_NOT_FOUND")


async def test_actions_are_the_role_s() -> None:
    """Customer and kitchen poll the same version and are offered different things."""
    world = World()
    world.commit(1, 2, 3, 4)
    customer, kitchen = await world.get(), await world.get(who=token("sobaya", "restaurant"))
    names = [[action["name"] for action in answer.json()["actions"]] for answer in (customer, kitchen)]
    assert names == [["CANCEL_ORDER"], ["MARK_ORDER_READY", "REPORT_OUT_OF_STOCK"]]


@pytest.mark.parametrize(
    "query", ["?after=-1", "?after=x", "?after=", "?after=2147483648", "?wait=31", "?wait=0.5", "?after=1&after=2"]
)
async def test_bad_query_is_refused(query: str) -> None:
    """A cursor and a wait are whole numbers within their bounds."""
    assert code(await World().get(query)) == (400, "BAD_USER_INPUT")


@pytest.mark.parametrize("bearer", ["nonsense", token(seconds=-1), token(role="owner")])
async def test_bad_token_is_refused(bearer: str) -> None:
    """Before anything is read."""
    world = World()
    answer = await world.get(who=bearer)
    assert (code(answer), answer.headers["www-authenticate"]) == ((401, "UNAUTHENTICATED"), "Bearer")
    assert world.journal.reads == 0


async def test_token_ends_the_wait() -> None:
    """Nobody is told anything by a token that has expired meanwhile."""
    world = World()
    world.commit(1)
    async with asyncio.timeout(5):
        assert (await world.get("?after=1&wait=30", who=token(exp=int(time.time()) + 2))).status_code == 304


async def test_other_methods_are_refused() -> None:
    """Nothing is changed at this address."""
    world = World()
    answer = await world.http.post(f"/orders/{world.order_id}")
    assert code(answer) == (405, "METHOD_NOT_ALLOWED")
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD"}


async def test_database_away_says_ask_again() -> None:
    """503 when the journal could not be read during the wait and a moment longer."""
    world = World()
    world.journal.away = True
    with mock.patch.object(polling, "READ_SECONDS", 0.05):
        answer = await world.get()
    assert (code(answer), answer.headers["retry-after"]) == ((503, "UNAVAILABLE"), "1")


async def test_database_back_is_answered() -> None:
    """A read that failed is tried again within the wait."""
    world = World()
    world.commit(1)
    world.journal.away = True
    poll = asyncio.create_task(world.get("?wait=30"))
    await until(lambda: world.journal.reads > 1)
    world.journal.away = False
    assert (await poll).json()["version"] == 1


@pytest.mark.parametrize("fault", [Unreadable("total is text"), RuntimeError("no such view")])
async def test_fault_is_masked(fault: Exception) -> None:
    """What asking again would not cure: 500, and no word of it."""
    world = World()

    async def broken(order_id: str) -> list[Version]:
        raise fault

    world.journal.read = broken  # type: ignore[method-assign]
    answer = await world.get()
    assert code(answer) == (500, "INTERNAL")
    assert str(fault) not in answer.text


async def test_drain_sends_everybody_away() -> None:
    """Who waits is answered at once, and who comes later, too: another process has the order as well."""
    world = World()
    world.commit(1)
    poll = await world.waiting("?after=1&wait=30")
    world.polls.drain()
    for answer in (await poll, await world.get()):
        assert (code(answer), answer.headers["retry-after"]) == ((503, "UNAVAILABLE"), "1")


async def test_answer_is_kept_by_its_owner_only() -> None:
    """A cache of many people never holds an order; the client's own asks before it uses its copy."""
    world = World()
    world.commit(1)
    for query in ("", "?after=1"):
        answer = await world.get(query)
        assert (answer.headers["cache-control"], answer.headers["vary"]) == ("private, no-cache", "authorization")


async def test_polls_of_one_role_share_a_body() -> None:
    """A version is rendered once for all who wait for it in the same role."""
    world = World()
    polls = [Poll(world.order_id, 0, ADA) for _ in range(3)]
    with mock.patch.object(Story, "show", autospec=True, side_effect=Story.show) as show:
        for poll in polls:
            world.hub.join(world.order_id, poll)
        world.commit(1)
        bodies = {bytes((await poll.answer).body) for poll in polls}
    assert (len(bodies), show.call_count) == (1, 1)


EVENTS = st.one_of(
    st.tuples(st.just("commit"), st.just(0)),
    st.tuples(st.just("publish"), st.integers(1, len(HAPPY))),
    st.tuples(st.just("sweep"), st.just(0)),
    st.tuples(st.just("gate"), st.booleans()),
    st.tuples(st.just("turn"), st.integers(1, 6)),
    st.tuples(st.just("hurry"), st.just(0)),
)


@settings(max_examples=150, deadline=None)
@given(events=st.lists(EVENTS, max_size=60))
def test_any_history_ends_with_the_last_version(events: list[tuple[str, int]]) -> None:
    """Records come early, late, twice or never, waits end: what a client sees only grows, and ends with the newest."""
    with mock.patch.object(channel, "FIRST_PAUSE_SECONDS", 0):
        seen = asyncio.run(play(events))
    assert seen == sorted(set(seen)) and seen[-1] == len(HAPPY)


async def play(events: list[tuple[str, int]]) -> list[int]:
    """The versions that one client saw, poll after poll."""
    world, seen = World(), [0]
    world.commit(1)
    committed = 1
    poll = _again(world, 0)

    def look() -> None:
        nonlocal poll
        if poll.answer.done():
            answer = poll.answer.result()
            if answer.status_code == 200:
                order: dict[str, Any] = json.loads(bytes(answer.body))
                assert [entry["version"] for entry in order["timeline"]] == list(range(1, order["version"] + 1))
                seen.append(order["version"])
            world.hub.leave(poll)
            poll = _again(world, seen[-1])

    for event, value in events:
        match event:
            case "commit" if committed < len(HAPPY):
                committed += 1
                world.commit(committed)
            case "publish" if value <= committed:
                world.publish(value)
            case "sweep":
                asyncio.get_running_loop().call_soon(asyncio.ensure_future, world.hub.sweep())
            case "gate" if value:
                world.journal.gate.set()
            case "gate":
                world.journal.gate.clear()
            case "turn":
                for _ in range(value):
                    await asyncio.sleep(0)
            case "hurry":
                poll.hurry()
        look()
    world.journal.gate.set()
    world.commit(*range(committed + 1, len(HAPPY) + 1))
    while seen[-1] < len(HAPPY):
        await world.hub.sweep()
        await asyncio.sleep(0)
        look()
    world.hub.leave(poll)
    return seen[1:]


def _again(world: World, after: int) -> Poll:
    poll = Poll(world.order_id, after, ADA)
    world.hub.join(world.order_id, poll)
    return poll
