"""GET /orders/{id}?after=V&wait=S: the newest version of an order, as soon as it is newer than V.

A poll is a stream that is served once: registered first, then read, then woken by the topic. It has the cursor, the
owner rule and the guards against loss of a subscription, and leaves nothing behind.
"""

from __future__ import annotations

import asyncio
import re
import time
from typing import Any, NamedTuple
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from chassis import problems
from chassis.problems import Problem
from chassis.telemetry import log
from notifier import metrics
from notifier.channel import Stream
from notifier.domain import Principal
from notifier.hub import Hub
from notifier.operations import NOT_FOUND_MESSAGE, ORDER_NOT_FOUND, Watch
from notifier.selection import WHOLE
from notifier.tokens import Denied, Pass, Verify

MAX_WAIT = 30  # seconds; below what proxies commonly allow a silent request
MAX_VERSION = 2**31 - 1  # GraphQL's Int
READ_SECONDS = 5.0  # beyond the wait, for a journal that has not been read yet
NUMBER = re.compile(r"\d{1,10}")
TAG = re.compile(r'(?:W/)?"([^"]*)"|(\*)')
# A client may keep an answer, and must ask before it uses it again.
KEPT = {"cache-control": "private, no-cache", "vary": "authorization"}


class Asked(NamedTuple):
    """What the client has, and how many seconds it waits for something newer."""

    after: int
    wait: float


class Poll(Stream):
    """One request's place in one order; `answer` is set once."""

    __slots__ = ("_hurried", "_seen", "answer")
    newest_only = True

    def __init__(self, order_id: str, after: int, principal: Principal) -> None:
        super().__init__(Watch(order_id, after, WHOLE), principal)
        self.answer: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self._seen = False
        self._hurried = False

    def next(self, body: str, committed: float) -> None:
        if committed:
            metrics.push_age.observe(time.time() - committed)
        self._end(Response(body, headers=KEPT | {"etag": f'"{self.last}"'}, media_type="application/json"))

    def fail(self, code: str, message: str) -> None:
        self.refuse(Problem(404, code, message) if code == ORDER_NOT_FOUND else problems.broken())

    def complete(self) -> None:
        """The client has the last version there will be."""
        self._end(self._nothing())

    def caught_up(self) -> None:
        self._seen = True
        if self._hurried:
            self._end(self._nothing())

    def hurry(self) -> None:
        """The wait is over: say so as soon as it is known that the order may be seen."""
        self._hurried = True
        if self._seen:
            self._end(self._nothing())

    def refuse(self, problem: Problem) -> None:
        """Answer with an error."""
        if not self.answer.done():
            self.answer.set_exception(problem)

    def congested(self) -> bool:
        return False

    def defer(self) -> None:
        """Never congested."""

    def _end(self, response: Response) -> None:
        if not self.answer.done():
            self.answer.set_result(response)

    def _nothing(self) -> Response:
        newest = self.channel.newest if self.channel else self.last
        return Response(status_code=304, headers=KEPT | {"etag": f'"{newest}"'})


class Polls:
    """The ASGI endpoint for polls."""

    def __init__(self, hub: Hub, verify: Verify) -> None:
        self._hub = hub
        self._verify = verify
        self._waiting: set[Poll] = set()
        self._draining = False

    async def __call__(self, request: Request) -> Response:
        """Answers one request; no exception leaves."""
        try:
            response = await self._answer(request)
        except Problem as problem:
            metrics.polls.labels(problem.code).inc()
            return told(problem)
        except Exception:
            log.exception("a poll failed", event_key="poll.failed")
            metrics.polls.labels("INTERNAL").inc()
            return told(problems.broken())
        outcome = {200: "version", 304: "nothing"}.get(response.status_code, "gone")
        metrics.polls.labels(outcome).inc()
        return response

    def drain(self) -> None:
        """This process is stopping: whoever waits is sent away now, to come back to another one."""
        self._draining = True
        for poll in self._waiting:
            poll.refuse(_stopping())

    async def _answer(self, request: Request) -> Response:
        if self._draining:
            raise _stopping()
        principal, expires = self._pass(request)
        order_id = _order_id(request.path_params["order_id"])
        asked = _asked(request)
        poll = Poll(order_id, asked.after, principal)
        self._waiting.add(poll)
        self._hub.join(order_id, poll)
        try:
            with metrics.waiting.track_inprogress():
                return await _first(poll, request, min(asked.wait, expires - time.time()))
        finally:
            self._waiting.discard(poll)
            self._hub.leave(poll)

    def _pass(self, request: Request) -> Pass:
        try:
            return self._verify({"authorization": request.headers.get("authorization")})
        except Denied:
            raise problems.unauthenticated("Send a valid token: Authorization: Bearer …") from None


def told(problem: Problem) -> Response:
    """A problem as a response."""
    return Response(problem.body(), problem.status, problem.headers, media_type=problems.MEDIA_TYPE)


async def _first(poll: Poll, request: Request, wait: float) -> Response:
    """What comes first: the answer, or the end of the wait, or of the client's patience."""
    gone = asyncio.create_task(_gone(request))
    either: set[asyncio.Future[Any]] = {poll.answer, gone}
    try:
        done, _ = await asyncio.wait(either, timeout=wait, return_when=asyncio.FIRST_COMPLETED)
        if not done:
            poll.hurry()
            done, _ = await asyncio.wait(either, timeout=READ_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if gone in done:
            return Response(status_code=400)  # nobody reads it
        if not done:
            raise problems.unavailable("The order cannot be read at the moment: ask again.")
        return poll.answer.result()
    finally:
        gone.cancel()


async def _gone(request: Request) -> None:
    """Until the client has closed the connection; what it sends meanwhile is no part of a GET."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _order_id(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        raise Problem(404, ORDER_NOT_FOUND, NOT_FOUND_MESSAGE) from None


def _asked(request: Request) -> Asked:
    """The cursor is the newest version the client says it has, by `after` or by If-None-Match."""
    after = _number(request, "after", MAX_VERSION)
    tags = TAG.findall(request.headers.get("if-none-match", ""))
    has = [MAX_VERSION if anything else int(tag) for tag, anything in tags if anything or NUMBER.fullmatch(tag)]
    return Asked(max([after, *has]), _number(request, "wait", MAX_WAIT))


def _number(request: Request, name: str, largest: int) -> int:
    values = request.query_params.getlist(name)
    if not values:
        return 0
    if len(values) > 1 or not NUMBER.fullmatch(values[0]) or int(values[0]) > largest:
        raise problems.invalid(f"`{name}` is one whole number from 0 to {largest}.")
    return int(values[0])


def _stopping() -> Problem:
    return problems.unavailable("This process is being replaced: ask again.")
