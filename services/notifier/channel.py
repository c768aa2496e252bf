"""One order and its subscribers: where "each version once, in order" is kept.

A subscriber is registered first, then the journal is read, then what arrived meanwhile is drained. A version that
repeats is dropped; one that leaves a gap makes the subscriber read the journal again, until the journal shows what the
topic has already said (a record can pass before its commit is visible).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from functools import partial
from typing import Protocol

import msgspec

from chassis.errors import Transient
from chassis.failpoints import reach
from chassis.telemetry import log
from notifier import metrics
from notifier.domain import Principal, Role, Verdict, judge, may_see, settled
from notifier.operations import NOT_FOUND_MESSAGE, ORDER_NOT_FOUND, Watch
from notifier.presentation import Presentation
from notifier.selection import Plan
from notifier.story import Story
from notifier.versions import Unreadable, Version

FIRST_PAUSE_SECONDS = 0.02
LAST_PAUSE_SECONDS = 1.0


class Reads(Protocol):
    """What a channel needs of the journal: see `store.Journal.read`."""

    async def read(self, order_id: str) -> list[Version]: ...


class Stream:
    """One subscription's place in one order; a transport subclasses it. None of the calls may raise or block."""

    newest_only = False  # True: the versions between its cursor and the newest are no gap
    __slots__ = ("behind", "channel", "last", "plan", "principal")

    def __init__(self, watch: Watch, principal: Principal) -> None:
        self.plan = watch.plan
        self.principal = principal
        self.last = watch.after
        self.behind = False
        self.channel: Channel | None = None

    def next(self, body: str, committed: float) -> None:
        """Send an execution result. `committed`: Unix time of a live version's commit, 0 for history."""
        raise NotImplementedError

    def fail(self, code: str, message: str) -> None:
        """End with an error; the stream has left its channel."""
        raise NotImplementedError

    def complete(self) -> None:
        """End well: the order is settled and the stream has left its channel."""
        raise NotImplementedError

    def caught_up(self) -> None:
        """The journal has been read, and has nothing behind the stream's cursor for now."""

    def congested(self) -> bool:
        """True while the reader is too slow to be given more."""
        raise NotImplementedError

    def defer(self) -> None:
        """Call `Hub.resume` with this stream when `congested` has passed: versions were held back from it."""
        raise NotImplementedError


Bodies = dict[tuple[Plan, int, Role], str]
"""Rendered results, shared by the streams with the same plan and role."""


class Channel:
    """The streams of one order. Belongs to the event loop; only `_catch_up` awaits."""

    __slots__ = ("_behind", "_held", "_journal", "_on_empty", "_story", "_task", "order_id", "streams")

    def __init__(
        self, order_id: str, journal: Reads, presentation: Presentation, on_empty: Callable[[Channel], None]
    ) -> None:
        self.order_id = order_id
        self.streams: set[Stream] = set()
        self._journal = journal
        self._on_empty = on_empty
        self._behind: set[Stream] = set()
        self._story = Story(presentation)
        self._held: dict[int, Version] = {}  # what arrived during a read; an order has about a dozen versions
        self._task: asyncio.Task[None] | None = None

    @property
    def newest(self) -> int:
        """The newest version that is known here; 0 before the first read."""
        return len(self._story)

    def join(self, stream: Stream) -> None:
        """Register, then read."""
        stream.channel = self
        self.streams.add(stream)
        self.want(stream, "join")

    def leave(self, stream: Stream) -> None:
        """Idempotent."""
        self.streams.discard(stream)
        self._behind.discard(stream)
        if not self.streams:
            self._on_empty(self)

    def want(self, stream: Stream, reason: str) -> None:
        """The stream needs a read of the journal that begins after now; `reason` as in metrics.reads."""
        metrics.reads.labels(reason).inc()
        stream.behind = True
        self._behind.add(stream)
        if self._task is None:
            self._task = asyncio.create_task(self._catch_up())

    def arrive(self, version: Version) -> None:
        """A version came out of the topic."""
        self._story.extend(version)
        bodies: Bodies = {}
        for stream in tuple(self.streams):
            if not stream.behind:
                self._offer_live(stream, version, bodies)
        if self._task is not None:  # also when this very version made a gap: the read may be older than the record
            self._held[version.number] = version

    def compare(self, head: int) -> None:
        """The table has versions up to `head`: whoever has not, reads."""
        for stream in tuple(self.streams):
            if not stream.behind and stream.last < head:
                self.want(stream, "sweep")

    async def _catch_up(self) -> None:
        pauses = _pauses()
        try:
            while self._behind:
                streams = self._take_behind()
                if streams and not await self._read(streams):
                    await asyncio.sleep(next(pauses))
        finally:
            self._task = None
            self._held.clear()

    def _take_behind(self) -> set[Stream]:
        """Those to read for now; who cannot take more asks again when it can."""
        streams, self._behind = self._behind, set()
        for stream in streams:
            if stream.congested():
                stream.defer()
        return {stream for stream in streams if not stream.congested()}

    async def _read(self, streams: set[Stream]) -> bool:
        """One read of the journal for these streams; False when some of them need another."""
        try:
            versions = await self._journal.read(self.order_id)
        except Transient:
            self._behind |= streams & self.streams
            return False
        except Exception as fault:
            self._give_up(streams, fault)
            return True
        reach("notifier.after_read")
        held = [version for _, version in sorted(self._held.items())]
        for version in (*versions, *held):
            self._story.extend(version)
        bodies: Bodies = {}
        for stream in streams & self.streams:
            self._serve(stream, versions, held, bodies)
        return not self._behind & streams

    def _give_up(self, streams: set[Stream], fault: Exception) -> None:
        """Asking again would not help: a document that breaks the contract, a missing right, a mistake of ours."""
        if isinstance(fault, Unreadable):
            metrics.unreadable.inc()
        log.error("an order cannot be read", event_key="order.unreadable", order_id=self.order_id, why=repr(fault))
        for stream in streams & self.streams:
            self._fail(stream, "INTERNAL", "This order cannot be shown.")

    def _serve(self, stream: Stream, versions: list[Version], held: list[Version], bodies: Bodies) -> None:
        """Who may see the newest version may see the order's history; then what arrived during the read."""
        stream.behind = False
        if not versions or not may_see(stream.principal, versions[-1].order):
            self._fail(stream, ORDER_NOT_FOUND, NOT_FOUND_MESSAGE)
            return
        if stream.newest_only:
            stream.last = max(stream.last, versions[-1].number - 1)
        for version in versions:
            if not stream.behind:
                self._offer(stream, version, bodies, 0.0)
        for version in held:
            if not stream.behind and stream in self.streams:
                self._offer_live(stream, version, bodies)
        if not stream.behind and stream in self.streams:
            if settled(versions[-1].order):
                self._complete(stream)
            else:
                stream.caught_up()

    def _offer_live(self, stream: Stream, version: Version, bodies: Bodies) -> None:
        if version.number > stream.last and not may_see(stream.principal, version.order):
            self._fail(stream, ORDER_NOT_FOUND, NOT_FOUND_MESSAGE)
        else:
            self._offer(stream, version, bodies, version.at.timestamp())

    def _offer(self, stream: Stream, version: Version, bodies: Bodies, committed: float) -> None:
        verdict = judge(stream.last, version.number)
        if verdict is Verdict.DROP:
            return
        if verdict is Verdict.READ or len(self._story) < version.number:
            self.want(stream, "gap")
        elif stream.congested():
            stream.behind = True
            stream.defer()
        else:
            stream.last = version.number
            stream.next(self._body(stream, version, bodies), committed)
            if settled(version.order):
                self._complete(stream)

    def _body(self, stream: Stream, version: Version, bodies: Bodies) -> str:
        role = stream.principal.role
        key = (stream.plan, version.number, role)
        body = bodies.get(key)
        if body is None:
            answer = stream.plan.answer(partial(self._story.show, version.order, role))
            body = bodies[key] = msgspec.json.encode(answer).decode()
        return body

    def _fail(self, stream: Stream, code: str, message: str) -> None:
        self.leave(stream)
        stream.fail(code, message)

    def _complete(self, stream: Stream) -> None:
        self.leave(stream)
        stream.complete()


def _pauses() -> Iterator[float]:
    pause = FIRST_PAUSE_SECONDS
    while True:
        yield pause
        pause = min(LAST_PAUSE_SECONDS, pause * 2)
