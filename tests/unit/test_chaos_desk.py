"""Asking the API: tried until answered, each try written down before it is sent."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from chaos import desk as desks
from chaos.desk import Desk
from chaos.operations import Answer
from check.history import Line, Recorder, lines
from tests.unit.test_bench_http import serving

SECRET = "a secret of at least thirty-two bytes"
DONE: dict[str, Any] = {"data": {"payload": {"order": None, "userErrors": []}}}
REFUSED = {"data": {"payload": {"order": None, "userErrors": [{"code": "TOO_LATE"}]}}}
BROKEN = {"errors": [{"message": "broken", "extensions": {"code": "INTERNAL"}}], "data": None}
FORBIDDEN = {"errors": [{"message": "no", "extensions": {"code": "FORBIDDEN"}}], "data": None}
CUT = None  # the connection, without an answer
Replies = Sequence[dict[str, Any] | None]


@asynccontextmanager
async def asking(replies: Replies, folder: Path, status: int = 200) -> AsyncIterator[tuple[Desk, list[bytes]]]:
    """A desk before a server that answers one request after the other; and the requests."""
    left, port = iter(replies), list[int]()

    def answer(_request: bytes) -> bytes:
        if (said := next(left)) is CUT:
            return b""
        body = json.dumps(said).encode()
        return b"HTTP/1.1 %d So\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body)

    async with serving(answer, port) as asked:
        with Recorder(folder / "desk.jsonl", "desk") as recorder:
            desk = Desk(f"http://127.0.0.1:{port[0]}/graphql", SECRET, recorder)
            yield desk, asked
            desk.close()
        for _ in range(3):  # each side's transport sees the other's end in a turn of the loop
            await asyncio.sleep(0)


async def cancelled(desk: Desk) -> Answer:
    return await desk.act(desk.principal("ada", "customer"), "cancelOrder", "o-1")


def told(folder: Path) -> list[Line]:
    """What is in the history, without its head."""
    return list(lines(folder / "desk.jsonl"))[1:]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits before asking again."""
    monkeypatch.setattr(desks, "AGAIN_SECONDS", (0.0,))


@pytest.mark.parametrize(
    ("reply", "code", "outcome"),
    [(DONE, "", "ok"), (REFUSED, "TOO_LATE", "refused"), (FORBIDDEN, "FORBIDDEN", "refused")],
)
async def test_answer_is_written_down(tmp_path: Path, reply: dict[str, Any], code: str, outcome: str) -> None:
    """Done, or not done and why; the call stands before the answer."""
    async with asking([reply], tmp_path) as (desk, asked):
        assert await cancelled(desk) == Answer(None, code)
    assert asked[0].endswith(b'"variables":{"id":"o-1"}}')
    call, answer = told(tmp_path)
    assert (call.kind, call.do, call.by, call.role, call.order) == ("call", "cancelOrder", "ada", "customer", "o-1")
    assert (answer.kind, answer.outcome, answer.code or "", answer.n) == ("answer", outcome, code, call.n)


@pytest.mark.parametrize("trouble", [CUT, BROKEN])
async def test_unknown_outcome_is_asked_again(tmp_path: Path, trouble: dict[str, Any] | None) -> None:
    """A lost connection and a server's own trouble say nothing: the same again, as a call of its own."""
    async with asking([trouble, trouble, DONE], tmp_path) as (desk, asked):
        await cancelled(desk)
        assert len(asked) == 3
        assert len(desk.answers) == 1
    assert [line.outcome for line in told(tmp_path) if line.kind == "answer"] == ["unknown", "unknown", "ok"]


async def test_impatient_customer_asks_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gone before the answer, back with the same key and the same wish."""
    monkeypatch.setattr(desks, "IMPATIENT_SECONDS", -1.0)
    async with asking([DONE, DONE], tmp_path) as (desk, _):
        wanted = {"idempotencyKey": "key-0001"}
        await desk.place(desk.principal("ada", "customer"), wanted, "a wish", rest=False, impatient=True)
    calls = [line for line in told(tmp_path) if line.kind == "call"]
    assert [(call.key, call.input) for call in calls] == [("key-0001", "a wish")] * 2
    assert [line.outcome for line in told(tmp_path) if line.kind == "answer"] == ["unknown", "ok"]


@pytest.mark.parametrize(
    ("status", "said", "answer", "outcome"),
    [
        (201, {"id": "o-1", "version": 1}, Answer({"id": "o-1", "version": 1}, ""), "ok"),
        (409, {"code": "IDEMPOTENCY_KEY_REUSED"}, Answer(None, "IDEMPOTENCY_KEY_REUSED"), "refused"),
    ],
)
async def test_orders_are_posted(
    tmp_path: Path, status: int, said: dict[str, Any], answer: Answer, outcome: str
) -> None:
    """The REST way: the key in its header, the rest in the body, a problem's code as the refusal."""
    async with asking([said], tmp_path, status) as (desk, asked):
        wanted = {"idempotencyKey": "key-0001", "restaurantId": "sobaya"}
        placing = desk.place(desk.principal("ada", "customer"), wanted, "a wish", rest=True, impatient=False)
        assert await placing == answer
    assert asked[0].startswith(b"POST /orders HTTP/1.1\r\n") and b"\r\nIdempotency-Key: key-0001\r\n" in asked[0]
    assert asked[0].endswith(b'\r\n\r\n{"restaurantId":"sobaya"}')
    assert told(tmp_path)[-1].outcome == outcome


async def test_staff_never_waits_behind_guests(tmp_path: Path) -> None:
    """However many customers wait for an answer, a courier's request goes out."""
    async with asking([DONE] * 3, tmp_path) as (desk, asked):
        for _ in range(desks.ROOM["customer"]):
            await desk._room["customer"].acquire()
        waiting = asyncio.create_task(cancelled(desk))
        await desk.act(desk.principal("c-01", "courier"), "pickUpOrder", "o-1")
        assert [b"pickUpOrder" in one for one in asked] == [True]
        waiting.cancel()
