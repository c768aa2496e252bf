"""The order page's own subscription code, run by Node against notifier and its restarts."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from ground.ports import free_port
from notifier.hub import Hub
from tests.support.push import HAPPY, ROOT, SAID, MemoryJournal, new_order_id, running, story, token, until

NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(NODE is None, reason="the page's script needs Node to run outside a browser")

# Node 20 has no close event for a connection that was refused; browsers and Node 22 have.
SCRIPT = """
import {{ watch }} from "{module}";
class Socket extends WebSocket {{
  constructor(...args) {{
    super(...args);
    this.addEventListener("error", () => {{
      const onclose = this.onclose;
      this.onclose = null;
      onclose?.({{ code: 1006, reason: "" }});
    }});
  }}
}}
const say = (kind) => (what) => console.log(JSON.stringify([kind, what]));
const query = `subscription($orderId: ID!, $after: Int!) {{
  orderUpdated(orderId: $orderId, after: $after) {{ version }}
}}`;
watch({{ url: "{url}", token: "{token}", orderId: "{order_id}", query, Socket,
  on: {{ order: (order) => say("version")(order.version), state: say("state"), end: say("end") }} }});
"""


@asynccontextmanager
async def page(url: str, order_id: str, bearer: str) -> AsyncIterator[list[list[object]]]:
    """What the page is told, as it comes."""
    script = SCRIPT.format(module=(ROOT / "web" / "watch.js").as_uri(), url=url, token=bearer, order_id=order_id)
    assert NODE is not None
    command = [NODE, "--no-warnings", "--experimental-websocket", "--input-type=module", "--eval", script]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    told: list[list[object]] = []

    async def listen() -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            told.append(json.loads(line))

    listening = asyncio.create_task(listen())
    try:
        yield told
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await listening


def versions(told: list[list[object]]) -> list[object]:
    return [what for kind, what in told if kind == "version"]


async def test_page_survives_restarts() -> None:
    """The notifier goes away twice; the page shows every version once and ends when the order is settled."""
    journal, steps, port = MemoryJournal(), story(new_order_id()), free_port()
    journal.append(steps[0])
    async with page(f"ws://127.0.0.1:{port}/graphql", steps[0].document["id"], token()) as told:
        for number in (1, 3, 5):
            async with running(Hub(journal, SAID), port=port) as server:
                await until(lambda count=number: len(versions(told)) == count, 10)  # type: ignore[misc]
                journal.append(steps[number])
                server.publish(steps[number])
                await until(lambda count=number: len(versions(told)) == count + 1)  # type: ignore[misc]
            journal.append(steps[number + 1])
        async with running(Hub(journal, SAID), port=port):
            await until(lambda: ["state", "settled"] in told, 10)
    assert versions(told) == list(range(1, len(HAPPY) + 1))


@pytest.mark.parametrize(("bearer", "sentence"), [("nonsense", "Forbidden"), (token("eve"), "There is no such order")])
async def test_page_says_why_it_stops(bearer: str, sentence: str) -> None:
    """A refused token and a foreign order end the page with a sentence, not with another attempt."""
    journal, order_id = MemoryJournal(), new_order_id()
    journal.append(story(order_id)[0])
    async with running(Hub(journal, SAID)) as server, page(server.url, order_id, bearer) as told:
        await until(lambda: any(kind == "end" for kind, _ in told), 10)
    assert next(str(what) for kind, what in told if kind == "end").startswith(sentence)
