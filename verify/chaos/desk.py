"""Asking the API: every try is in the history, and nobody gives up before there is an answer."""

import asyncio
import itertools
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from functools import partial

import msgspec

from bench.http import Http, HttpError
from bench.principals import mint
from chaos.operations import MENU, MUTATIONS, Answer, Shape, Unanswered, answer, placed
from check.history import Call, Recorder

ANSWER_SECONDS = 10.0
IMPATIENT_SECONDS = 0.004  # sent, and gone before the answer: mostly
# The last one for ever; with jitter. A load that hammers what is slow already keeps it down by itself.
AGAIN_SECONDS = (0.1, 0.3, 1.0, 3.0)
ROOM = {"customer": 40, "courier": 16, "restaurant": 8}  # requests under way: staff never waits behind the guests
ANSWERS_KEPT = 5000

Begin = Callable[[], Call]
Ask = Callable[[], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody with a token, and the head of every request of theirs."""

    name: str
    role: str
    token: str
    head: bytes


class Desk:
    """One pool of connections for everybody."""

    def __init__(self, url: str, jwt_secret: str, recorder: Recorder) -> None:
        self._http = Http(url, sum(ROOM.values()))
        self._jwt_secret = jwt_secret
        self._known: dict[tuple[str, str], Principal] = {}
        self._room = {role: asyncio.Semaphore(size) for role, size in ROOM.items()}
        self.recorder = recorder
        self.answers: deque[tuple[float, float]] = deque(maxlen=ANSWERS_KEPT)
        """(sent, answered) of the youngest mutations, in unix time."""

    def principal(self, name: str, role: str) -> Principal:
        """The same one for the same name."""
        if (name, role) not in self._known:
            token = mint(name, role, self._jwt_secret)
            self._known[name, role] = Principal(name, role, token, self._http.head(token))
        return self._known[name, role]

    async def place(self, who: Principal, wanted: Shape, wish: str, *, rest: bool, impatient: bool) -> Answer:
        """`placeOrder`, or POST /orders, until it is answered; impatient: nobody waits for the first answer."""

        async def graphql() -> Answer:
            return await self._graphql(who, "placeOrder", {"input": wanted})

        async def post() -> Answer:
            return placed(*await self._http.ask(_posted(who, wanted)))

        first = [IMPATIENT_SECONDS] if impatient else []
        patience = itertools.chain(first, itertools.repeat(ANSWER_SECONDS))
        begin = partial(self.recorder.place, who.name, wanted["idempotencyKey"], wish)
        return await self._ask(who, post if rest else graphql, begin, patience)

    async def act(self, who: Principal, do: str, order: str | None = None, **variables: object) -> Answer:
        """Any other mutation, until it is answered."""

        async def graphql() -> Answer:
            return await self._graphql(who, do, variables if order is None else {"id": order, **variables})

        begin = partial(self.recorder.act, do, who.name, who.role, order, **variables)
        return await self._ask(who, graphql, begin, itertools.repeat(ANSWER_SECONDS))

    async def serves(self, restaurant: str) -> bool:
        """Whether its menu is there: of a new system it may still be in the log."""
        body = msgspec.json.encode({"query": MENU, "variables": {"id": restaurant}})
        try:
            told = msgspec.json.decode(await self._http.post(self.principal("chaos", "support").head, body))
        except HttpError:
            return False
        return bool(((told.get("data") or {}).get("restaurant") or {}).get("menu"))

    async def _ask(self, who: Principal, ask: Ask, begin: Begin, patience: Iterable[float]) -> Answer:
        pauses = itertools.chain(AGAIN_SECONDS, itertools.repeat(AGAIN_SECONDS[-1]))
        for seconds, pause in zip(patience, pauses, strict=False):
            async with self._room[who.role]:
                said = await self._once(ask, begin(), seconds)
            if said is not None:
                return said
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))
        raise AssertionError("patience has no end")

    async def _once(self, ask: Ask, call: Call, seconds: float) -> Answer | None:
        """None when nobody knows what became of it."""
        sent = time.time()
        try:
            async with asyncio.timeout(seconds):
                said = await ask()
        except (HttpError, TimeoutError, Unanswered, msgspec.MsgspecError) as error:
            call.unknown(f"{type(error).__name__}: {error}"[:200])
            return None
        self.answers.append((sent, time.time()))
        call.refused(said.code) if said.code else call.ok(said.order)
        return said

    async def _graphql(self, who: Principal, do: str, variables: Shape) -> Answer:
        body = msgspec.json.encode({"query": MUTATIONS[do], "variables": variables})
        return answer(await self._http.post(who.head, body))

    def close(self) -> None:
        """Drop the connections."""
        self._http.close()


def _posted(who: Principal, wanted: Shape) -> bytes:
    body = msgspec.json.encode({name: value for name, value in wanted.items() if name != "idempotencyKey"})
    head = (
        "POST /orders HTTP/1.1\r\nHost: demae\r\n"
        f"Authorization: Bearer {who.token}\r\nIdempotency-Key: {wanted['idempotencyKey']}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
