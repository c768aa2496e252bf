"""A customer who speaks no GraphQL: long polls, one an order, each behind the last version that was seen."""

import asyncio
import random
import time
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec

from bench.http import Http, HttpError
from chaos.desk import Principal
from chaos.operations import Shape
from chaos.sockets import AGAIN_SECONDS, Told
from chaos.stories import Story
from check.history import Recorder, Watch

WAIT_SECONDS = 10
ANSWER_SECONDS = WAIT_SECONDS + 10.0

Spawn = Callable[[Coroutine[Any, Any, None]], None]


class Polling:
    """As `Socket`, of GET /orders/{id}: the newest version there is, so that some may never be shown."""

    def __init__(self, http: Http, who: Principal, recorder: Recorder, told: Told, spawn: Spawn) -> None:
        self._http = http
        self._who = who
        self._recorder = recorder
        self._told = told
        self._spawn = spawn

    async def run(self) -> None:
        """There is nothing to keep open."""

    async def watch(self, story: Story) -> None:
        """Until the order is settled."""
        self._spawn(self._follow(story))

    async def peep(self, order: str) -> None:
        """Try to see somebody else's order, once."""
        watch = self._recorder.watch(self._who.name, self._who.role, order, 0, "poll")
        try:
            status, body = await self._ask(order, 0)
        except (HttpError, TimeoutError) as error:
            watch.end("lost", f"{type(error).__name__}: {error}"[:200])
            return
        if status == 200:
            watch.push(msgspec.json.decode(body))
        watch.end("refused" if status == 404 else "left", str(status))

    async def _follow(self, story: Story) -> None:
        while not story.settled:
            watch = self._recorder.watch(self._who.name, self._who.role, story.id, story.version, "poll")
            watch.end(*await self._chain(story, watch))
            if not story.settled:
                await asyncio.sleep(random.uniform(*AGAIN_SECONDS))
        story.closed = True

    async def _chain(self, story: Story, watch: Watch) -> tuple[str, str]:
        """One poll after the other; -> how that ended, and why."""
        try:
            while not story.settled:
                if refused := await self._poll(story, watch):
                    return "refused", refused
        except (HttpError, TimeoutError, msgspec.MsgspecError) as error:
            return "lost", f"{type(error).__name__}: {error}"[:200]
        return "complete", ""

    async def _poll(self, story: Story, watch: Watch) -> str:
        """Once; -> why it was refused. Raises HttpError for a server that is in trouble."""
        status, body = await self._ask(story.id, story.version)
        if status == 200:
            order: Shape = msgspec.json.decode(body)
            watch.push(order)
            story.see(order, now := time.time())
            self._told(story, order, now)
        elif status >= 500:
            raise HttpError(f"HTTP {status}")
        return "" if status in (200, 304) else f"HTTP {status}: {body[:200].decode(errors='replace')}"

    async def _ask(self, order: str, after: int) -> tuple[int, bytes]:
        request = (
            f"GET /orders/{order}?after={after}&wait={WAIT_SECONDS} HTTP/1.1\r\nHost: demae\r\n"
            f"Authorization: Bearer {self._who.token}\r\nAccept: application/json\r\n\r\n"
        )
        async with asyncio.timeout(ANSWER_SECONDS):
            return await self._http.ask(request.encode())
