"""Each version once, in order: streams on a hub with a journal in memory and a feed in the test's hands."""

import asyncio
import json
from dataclasses import replace
from typing import Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.envelope import Record
from notifier import channel
from notifier.channel import Channel, Stream
from notifier.domain import Principal, Role
from notifier.hub import Hub
from notifier.operations import Operations, Watch
from notifier.versions import Unreadable, Version
from tests.support.push import CANCELLED, HAPPY, SAID, MemoryJournal, Step, new_order_id, schema, story, until

ADA = Principal("ada", Role.CUSTOMER)
OPERATIONS = Operations(schema())
FIELDS = "version actions { name } timeline { version }"
TEXT = f"subscription($o: ID!, $a: Int!) {{ orderUpdated(orderId: $o, after: $a) {{ {FIELDS} }} }}"


class Recorder(Stream):
    """A stream that remembers what it was told."""

    def __init__(self, watch: Watch, principal: Principal) -> None:
        super().__init__(watch, principal)
        self.bodies: list[str] = []
        self.ended: str | None = None
        self.full = False
        self.deferred = 0

    @property
    def versions(self) -> list[int]:
        return [json.loads(body)["data"]["orderUpdated"]["version"] for body in self.bodies]

    def next(self, body: str, committed: float) -> None:
        assert self.ended is None
        self.bodies.append(body)

    def fail(self, code: str, message: str) -> None:
        self._end(code)

    def complete(self) -> None:
        self._end("complete")

    def congested(self) -> bool:
        return self.full

    def defer(self) -> None:
        self.deferred += 1

    def _end(self, how: str) -> None:
        assert self.ended is None
        self.ended = how


class World:
    """One order, its journal and a hub."""

    def __init__(self, steps: list[Step] | None = None, hub: type[Hub] = Hub) -> None:
        self.journal = MemoryJournal()
        self.hub = hub(self.journal, SAID)
        self.steps = steps or story(new_order_id())
        self.order_id: str = self.steps[0].document["id"]

    def commit(self, *numbers: int) -> None:
        for number in numbers:
            self.journal.append(self.steps[number - 1])

    def publish(self, *numbers: int) -> None:
        self.hub.deliver([self.steps[number - 1].record for number in numbers])

    def join(self, after: int = 0, principal: Principal = ADA) -> Recorder:
        watch = OPERATIONS.watch(TEXT, None, {"o": self.order_id, "a": after})
        stream = Recorder(watch, principal)
        self.hub.join(watch.order_id, stream)
        return stream

    async def settle(self) -> None:
        """Lets every read that can be answered be answered."""
        for _ in range(20):
            await asyncio.sleep(0)


async def test_sends_history_then_live() -> None:
    """What the journal has, then what the topic brings."""
    world = World()
    world.commit(1, 2)
    stream = world.join()
    await world.settle()
    world.commit(3)
    world.publish(3)
    assert stream.versions == [1, 2, 3]


async def test_starts_behind_the_cursor() -> None:
    """`after` is the last version the client has."""
    world = World()
    world.commit(1, 2, 3)
    stream = world.join(after=2)
    await world.settle()
    assert stream.versions == [3]


async def test_drops_repeats() -> None:
    """Records that come again, alone or in a row, in one batch or several, change nothing."""
    world = World()
    world.commit(1, 2, 3)
    stream = world.join()
    await world.settle()
    world.publish(1, 2, 3, 3)
    world.publish(2)
    world.publish(1, 2, 3)
    assert stream.versions == [1, 2, 3]


async def test_reads_a_gap() -> None:
    """A record that leaves one out makes the stream read, and what was left out comes first."""
    world = World()
    world.commit(1)
    stream = world.join()
    await world.settle()
    world.commit(2, 3, 4)
    world.publish(4)
    assert stream.versions == [1]
    await world.settle()
    assert stream.versions == [1, 2, 3, 4]


async def test_waits_for_the_commit_to_show() -> None:
    """A record may pass before its commit is visible: the journal is read until it shows what the topic has said."""
    world = World()
    world.commit(1)
    stream = world.join()
    await world.settle()
    world.publish(3)
    await until(lambda: world.journal.reads > 3)
    assert stream.versions == [1]
    world.commit(2, 3)
    await until(lambda: len(stream.versions) == 3)
    assert stream.versions == [1, 2, 3]


async def test_drains_what_came_during_the_read() -> None:
    """A version published between registration and the read's answer is neither lost nor sent twice."""
    world = World()
    world.commit(1)
    world.journal.gate.clear()
    stream = world.join()
    await world.settle()
    world.commit(2, 3)
    world.publish(1, 2, 3)
    world.journal.gate.set()
    await world.settle()
    assert stream.versions == [1, 2, 3]


class ReadsBeforeItRegisters(Hub):
    """The mistake: the journal is read first, then the stream is registered with what was seen."""

    def join(self, order_id: str, stream: Stream) -> None:
        async def late() -> None:
            seen = await self._journal.read(order_id)
            Channel(order_id, Seen(seen), SAID, lambda _: None).join(stream)

        self.task = asyncio.create_task(late())


class Seen:
    """A journal that answers what was read before."""

    def __init__(self, versions: list[Version]) -> None:
        self._versions = versions

    async def read(self, order_id: str) -> list[Version]:
        return self._versions


@pytest.mark.parametrize(("hub", "versions"), [(Hub, [1, 2]), (ReadsBeforeItRegisters, [1])])
async def test_registers_before_it_reads(hub: type[Hub], versions: list[int]) -> None:
    """Negative control: with the two steps swapped, the version committed between them is lost."""
    world = World(hub=hub)
    world.commit(1)
    world.journal.gate.clear()
    stream = world.join()
    await world.journal.began.wait()
    world.commit(2)
    world.publish(2)
    world.journal.gate.set()
    await world.settle()
    assert stream.versions == versions


async def test_sweep_finds_what_never_came() -> None:
    """A version whose record was lost comes with the sweep."""
    world = World()
    world.commit(1)
    stream = world.join()
    await world.settle()
    world.commit(2)
    await world.hub.sweep()
    await world.settle()
    assert stream.versions == [1, 2]


async def test_reset_compares_at_once() -> None:
    """When the topic's position jumps, nobody waits for the next sweep."""
    world = World()
    world.commit(1)
    stream = world.join()
    await world.settle()
    world.commit(2, 3)
    sweeps = asyncio.create_task(world.hub.run())
    world.hub.resync()
    await until(lambda: stream.versions == [1, 2, 3])
    sweeps.cancel()


async def test_sweep_is_quiet_when_all_is_sent() -> None:
    """Streams that have everything do not read."""
    world = World()
    world.commit(1, 2)
    world.join()
    await world.settle()
    before = world.journal.reads
    await world.hub.sweep()
    await world.settle()
    assert world.journal.reads == before


async def test_survives_a_database_away() -> None:
    """A read that fails is tried again; nothing is lost, and no stream ends."""
    world = World()
    world.commit(1)
    world.journal.away = True
    stream = world.join()
    await until(lambda: world.journal.reads > 2)
    world.commit(2)
    world.publish(2)
    world.journal.away = False
    await until(lambda: stream.versions == [1, 2])


async def test_live_streams_need_no_database() -> None:
    """A newcomer's failing reads do not hold back those who have everything."""
    world = World()
    world.commit(1)
    first = world.join()
    await world.settle()
    world.journal.away = True
    second = world.join()
    await until(lambda: world.journal.reads > 2)
    world.commit(2)
    world.publish(2)
    assert (first.versions, second.versions) == ([1, 2], [])


async def test_completes_when_settled() -> None:
    """Cancelled is not the end; refunded is."""
    world = World(story(new_order_id(), CANCELLED))
    world.commit(1, 2)
    stream = world.join()
    await world.settle()
    world.commit(3)
    world.publish(3)
    assert len(stream.versions) == 3 and not stream.ended
    world.commit(4)
    world.publish(4)
    assert (stream.versions, stream.ended) == ([1, 2, 3, 4], "complete")
    assert not world.hub.follows(world.order_id.encode())


@pytest.mark.parametrize(
    "principal",
    [Principal("sobaya", Role.RESTAURANT), Principal("courier-1", Role.COURIER), Principal("x", Role.SUPPORT)],
)
async def test_parties_see_the_whole_story(principal: Principal) -> None:
    """Who takes part now sees what happened before, also the courier."""
    world = World()
    world.commit(1, 2, 3)
    stream = world.join(principal=principal)
    await world.settle()
    assert stream.versions == [1, 2, 3]


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.SUPPORT])
async def test_others_see_nothing(role: Role) -> None:
    """The right id in the wrong role, and any other id, are told what a stranger is told."""
    world = World()
    world.commit(1, 2, 3)
    owner = {Role.CUSTOMER: "sobaya", Role.RESTAURANT: "courier-1", Role.COURIER: "ada"}[role]
    streams = [world.join(principal=Principal(id_, role)) for id_ in (owner, "eve", "")]
    await world.settle()
    assert [(stream.bodies, stream.ended) for stream in streams] == [([], "ORDER_NOT_FOUND")] * 3


async def test_courier_is_checked_on_each_version() -> None:
    """A courier who is replaced is told no more, not even the version that says so."""
    world = World()
    world.commit(1, 2, 3)
    first = world.join(principal=Principal("courier-1", Role.COURIER))
    await world.settle()
    other = replace(world.steps[3], document=world.steps[3].document | {"courier_id": "courier-2"})
    world.journal.append(other)
    world.hub.deliver([other.record])
    assert (first.versions, first.ended) == ([1, 2, 3], "ORDER_NOT_FOUND")
    again = world.join(principal=Principal("courier-1", Role.COURIER))
    await world.settle()
    assert (again.bodies, again.ended) == ([], "ORDER_NOT_FOUND")


async def test_timeline_ends_with_the_version() -> None:
    """Version n carries n entries, whether it came from the table or the topic, and whatever the cursor was."""
    world = World()
    world.commit(1, 2, 3)
    stream = world.join(after=1)
    await world.settle()
    world.commit(4)
    world.publish(4)
    lines = [json.loads(body)["data"]["orderUpdated"]["timeline"] for body in stream.bodies]
    assert [[entry["version"] for entry in line] for line in lines] == [[1, 2], [1, 2, 3], [1, 2, 3, 4]]


async def test_same_selection_shares_one_frame() -> None:
    """Streams with the same document are sent the very same text."""
    world = World()
    world.commit(1)
    streams = [world.join() for _ in range(3)]
    await world.settle()
    world.commit(2)
    world.publish(2)
    assert len({id(stream.bodies[-1]) for stream in streams}) == 1


async def test_same_selection_by_another_role_is_another_frame() -> None:
    """What the customer can do is no offer to the kitchen, and the other way round."""
    world = World()
    world.commit(1, 2, 3)
    streams = [world.join(principal=who) for who in (ADA, Principal("sobaya", Role.RESTAURANT), ADA)]
    await world.settle()
    world.commit(4)
    world.publish(4)
    offered = [json.loads(stream.bodies[-1])["data"]["orderUpdated"]["actions"] for stream in streams]
    customer, kitchen = [{"name": "CANCEL_ORDER"}], [{"name": "MARK_ORDER_READY"}, {"name": "REPORT_OUT_OF_STOCK"}]
    assert offered == [customer, kitchen, customer]


async def test_joins_share_one_read() -> None:
    """Whoever joins while a read is under way waits for the next one, together."""
    world = World()
    world.commit(1)
    streams = [world.join() for _ in range(10)]
    await world.settle()
    assert world.journal.reads <= 2
    assert [stream.versions for stream in streams] == [[1]] * 10


async def test_slow_reader_goes_on_from_the_journal() -> None:
    """Versions held back from a full connection are read again, none skipped, when it has room."""
    world = World()
    world.commit(1)
    stream = world.join()
    await world.settle()
    stream.full = True
    world.commit(2, 3)
    world.publish(2, 3)
    assert (stream.versions, stream.deferred) == ([1], 1)
    stream.full = False
    world.hub.resume(stream)
    await world.settle()
    assert stream.versions == [1, 2, 3]


async def test_cursor_ahead_waits_for_its_versions() -> None:
    """A cursor the table does not show yet is no error, brings no version twice, and no timeline with a hole."""
    world = World()
    world.commit(1, 2)
    stream = world.join(after=3)
    await world.settle()
    world.publish(4)
    world.commit(3, 4)
    await until(lambda: stream.versions == [4])
    assert len(json.loads(stream.bodies[0])["data"]["orderUpdated"]["timeline"]) == 4
    assert stream.ended is None


@pytest.mark.parametrize("fault", [Unreadable("total is text"), RuntimeError("no such view")])
async def test_fault_ends_with_internal(fault: Exception) -> None:
    """What asking again would not cure is said, without its text, to whoever waits for it; the others go on."""
    world = World()
    world.commit(1)
    other = world.join()
    await world.settle()

    async def broken(order_id: str) -> list[Version]:
        raise fault

    world.journal.read = broken  # type: ignore[method-assign]
    stream = world.join()
    await world.settle()
    world.publish(2)
    assert (stream.bodies, stream.ended, other.versions) == ([], "INTERNAL", [1, 2])


WAITS_FOR_THE_FUTURE = json.dumps(story(new_order_id())[1].document | {"since": 3}).encode()


@pytest.mark.parametrize(
    "record",
    [
        {"value": b"nonsense"},
        {"value": None},
        {"value": WAITS_FOR_THE_FUTURE},
        {"headers": []},
        {"headers": [("ce_type", b"order_created"), ("ce_time", b"yesterday")]},
    ],
)
async def test_unreadable_record_is_healed_by_the_sweep(record: dict[str, Any]) -> None:
    """A bad record disturbs nobody; its version comes from the table."""
    world = World()
    world.commit(1)
    stream = world.join()
    await world.settle()
    good = world.steps[1].record
    world.hub.deliver([Record(**{name: record.get(name, getattr(good, name)) for name in Record.__slots__})])
    assert stream.versions == [1]
    world.commit(2)
    await world.hub.sweep()
    await world.settle()
    assert stream.versions == [1, 2]


EVENTS = st.one_of(
    st.tuples(st.just("commit"), st.just(0)),
    st.tuples(st.just("publish"), st.integers(1, len(HAPPY))),
    st.tuples(st.just("reconnect"), st.just(0)),
    st.tuples(st.just("sweep"), st.just(0)),
    st.tuples(st.just("gate"), st.booleans()),
    st.tuples(st.just("full"), st.booleans()),
    st.tuples(st.just("turn"), st.integers(1, 3)),
)


@pytest.mark.parametrize("heal", ["late records", "sweep"])
@settings(max_examples=100, deadline=None)
@given(events=st.lists(EVENTS, max_size=60))
def test_any_history_is_lossless(heal: str, events: list[tuple[str, int]]) -> None:
    """Records come early, late, twice or (with the sweep) never, clients reconnect, readers stall: 1 … n, each once."""
    with mock.patch.object(channel, "FIRST_PAUSE_SECONDS", 0):
        assert asyncio.run(play(heal, events)) == list(range(1, len(HAPPY) + 1))


async def play(heal: str, events: list[tuple[str, int]]) -> list[int]:
    """The versions the client saw."""
    return await Play(heal).run(events)


class Play:
    """One client's way through a list of events: each is a method."""

    def __init__(self, heal: str) -> None:
        self.heal = heal
        self.world = World()
        self.world.commit(1)
        self.committed = 1
        self.published: set[int] = set()
        self.seen: list[int] = []
        self.stream = self.world.join()

    async def run(self, events: list[tuple[str, int]]) -> list[int]:
        """The versions the client saw after these events and the healing."""
        for event, value in events:
            await getattr(self, event)(value)
        while self.committed < len(HAPPY):
            await self.commit(0)
        await self.gate(1)
        await self.full(0)
        if self.heal == "sweep":
            await self.world.settle()
            await self.sweep(0)
        for number in sorted(set(range(1, len(HAPPY) + 1)) - self.published if self.heal == "late records" else ()):
            await self.publish(number)
        await until(lambda: self.stream.ended is not None)
        return self.seen + self.stream.versions

    async def commit(self, _: int) -> None:
        if self.committed < len(HAPPY):
            self.committed += 1
            self.world.commit(self.committed)

    async def publish(self, number: int) -> None:
        """Also a little before the commit can be seen; then it counts as lost, for nobody may have been there."""
        if number <= self.committed:
            self.published.add(number)
        if number <= self.committed + 1:
            self.world.publish(number)

    async def reconnect(self, _: int) -> None:
        self.seen += self.stream.versions
        self.world.hub.leave(self.stream)
        self.stream = self.world.join(after=len(self.seen))

    async def sweep(self, _: int) -> None:
        await self.world.hub.sweep()

    async def gate(self, value: int) -> None:
        (self.world.journal.gate.set if value else self.world.journal.gate.clear)()

    async def full(self, value: int) -> None:
        self.stream.full = bool(value)
        if not value:
            self.world.hub.resume(self.stream)

    async def turn(self, value: int) -> None:
        for _ in range(value):
            await asyncio.sleep(0)
