"""A customer who polls: behind the last version seen, through every trouble, until the order is settled."""

import asyncio
import json
import re
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any

import pytest

from bench.http import Http
from chaos import polling
from chaos.desk import Principal
from chaos.journeys import Wish
from chaos.polling import Polling
from chaos.stories import Story
from check.history import Recorder, lines
from tests.unit.test_bench_http import serving

ADA = Principal("ada", "customer", "t0ken", b"")
CUT = (0, b"")


def shown(version: int, status: str, payment: str = "COMPLETED") -> tuple[int, bytes]:
    """An answer with this version."""
    order = {"id": "o-1", "version": version, "status": status, "payment": {"status": payment}, "cancellation": None}
    return 200, json.dumps(order).encode()


def raw(status: int, body: bytes) -> bytes:
    """As it comes over the wire."""
    return b"HTTP/1.1 %d So\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body) if status else b""


async def followed(
    answers: Sequence[tuple[int, bytes]], folder: Path, *, peep: bool = False
) -> tuple[Story, list[str]]:
    """The story that these answers tell, and the cursors that were asked with."""
    left, port, tasks = iter(answers), list[int](), list[asyncio.Task[None]]()
    story = Story(0, Wish(), "key-0001", 0.0, id="o-1")

    def spawn(work: Coroutine[Any, Any, None]) -> None:
        tasks.append(asyncio.create_task(work))

    async with serving(lambda _: raw(*next(left)), port) as asked:
        http = Http(f"http://127.0.0.1:{port[0]}")
        with Recorder(folder / "ada.jsonl", "ada") as recorder:
            customer = Polling(http, ADA, recorder, lambda *_: None, spawn)
            await (customer.peep("o-1") if peep else customer.watch(story))
            async with asyncio.timeout(5):
                await asyncio.gather(*tasks)
        http.close()
        for _ in range(3):  # each side's transport sees the other's end in a turn of the loop
            await asyncio.sleep(0)
    return story, [re.findall(rb"after=(\d+)", one)[0].decode() for one in asked]


def told(folder: Path) -> list[tuple[str, object]]:
    """The history: watches with their cursor, pushes with their version, ends."""
    all_ = list(lines(folder / "ada.jsonl"))[1:]
    about = [{"watch": one.after, "push": one.shown and one.shown.version, "end": one.outcome} for one in all_]
    return [(line.kind, one[line.kind]) for line, one in zip(all_, about, strict=True)]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits before trying again."""
    monkeypatch.setattr(polling, "AGAIN_SECONDS", (0.0, 0.0))


async def test_order_is_polled_to_its_end(tmp_path: Path) -> None:
    """The newest version each time; nothing new is no end."""
    answers = [shown(1, "PLACED"), (304, b""), shown(4, "READY"), shown(6, "DELIVERED")]
    story, cursors = await followed(answers, tmp_path)
    assert (story.over, story.version, cursors) == (True, 6, ["0", "1", "1", "4"])
    assert told(tmp_path) == [("watch", 0), ("push", 1), ("push", 4), ("push", 6), ("end", "complete")]


@pytest.mark.parametrize(("trouble", "how"), [(CUT, "lost"), ((503, b""), "lost"), ((404, b"{}"), "refused")])
async def test_trouble_is_polled_through(tmp_path: Path, trouble: tuple[int, bytes], how: str) -> None:
    """A lost answer, a server in trouble, an order that is not there yet: again, behind the last version."""
    story, cursors = await followed([shown(1, "PLACED"), trouble, shown(6, "DELIVERED")], tmp_path)
    assert (story.over, cursors) == (True, ["0", "1", "1"])
    cut = [("watch", 0), ("push", 1), ("end", how)]
    assert told(tmp_path) == [*cut, ("watch", 1), ("push", 6), ("end", "complete")]


@pytest.mark.parametrize(("answer", "end"), [((404, b"{}"), "refused"), (CUT, "lost")])
async def test_stranger_polls_once(tmp_path: Path, answer: tuple[int, bytes], end: str) -> None:
    """Whatever the answer is."""
    _, cursors = await followed([answer], tmp_path, peep=True)
    assert (cursors, told(tmp_path)) == (["0"], [("watch", 0), ("end", end)])
