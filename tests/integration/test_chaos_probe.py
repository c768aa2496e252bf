"""When a part works again, read from the real tables: what it does after the fault's end counts, and nothing else."""

from collections import deque
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import psycopg
import pytest

from chaos import probe as probes
from chaos.probe import SIGNS, Probe
from chaos.town import Town
from chassis.envelope import new_id
from tests.support.databases import TestServer, service_databases

SINCE = 2_000_000_000.0
INBOX = "INSERT INTO {schema}.inbox (event_id, at) VALUES (%s, to_timestamp(%s))"
FACT = """
INSERT INTO {schema}.outbox (id, topic, type, key, payload, at) VALUES (%s, %s, %s, %s, '{{}}', to_timestamp(%s))
"""
VERSION = """
INSERT INTO api.journal (id, type, key, payload, order_id, version, data, at)
VALUES (%s, %s, %s, '{}', %s, %s, '{}', to_timestamp(%s))
"""
FACTS = {
    "payment": ("orders.events", "payment_completed", "o-1"),
    "delivery": ("orders.events", "delivery_assigned", "o-1"),
    "restaurant": ("orders.events", "order_accepted", "o-1"),
    "keeper": ("ticks", "tick", "clock"),
}


class World:
    """The tables, and what a load has seen."""

    def __init__(self, admin: str, verify: str) -> None:
        self._admin = admin
        desk = SimpleNamespace(answers=deque[tuple[float, float]]())
        self.town = SimpleNamespace(pushes=deque[tuple[float, str, int]](), desk=desk)
        self.probe = Probe(verify, cast(Town, self.town))

    def handled(self, schema: str, at: float) -> None:
        """The service's transaction of that moment claimed an event."""
        self._write(INBOX.format(schema=schema), new_id(), SINCE + at)

    def stated(self, schema: str, at: float) -> None:
        """It stated a fact."""
        self._write(FACT.format(schema=schema), new_id(), *FACTS[schema], SINCE + at)

    def version(self, kind: str, number: int, at: float) -> str:
        """A version was made, of a fact of that moment; -> the order."""
        order = str(new_id())
        self._write(VERSION, new_id(), kind, order, order, number, SINCE + at)
        return order

    def _write(self, query: str, *values: Any) -> None:
        with psycopg.connect(self._admin) as db:
            db.execute(query.encode(), values)

    async def recovered(self, part: str) -> float | None:
        """Seconds behind the fault's end."""
        at = await self.probe.recovered(part, SINCE)
        await self.probe.close()
        return None if at is None else round(at - SINCE, 3)


@pytest.fixture
def world(postgres: TestServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Nobody looks for longer than a test may take."""
    monkeypatch.setattr(probes, "LIMIT_SECONDS", 0.5)
    monkeypatch.setattr(probes, "LOOK_SECONDS", 0.01)
    with service_databases(postgres) as url:  # its rows are bare ones, which no contract would take
        yield World(url("postgres"), url("verify"))


@pytest.mark.parametrize("part", ["payment", "delivery", "restaurant"])
async def test_consumer_handles_and_states(world: World, part: str) -> None:
    """A fact behind the first event that was handled after the end; what is older says nothing."""
    world.handled(part, -1)
    world.stated(part, -1)
    world.stated(part, 1)
    assert await world.recovered(part) is None
    world.handled(part, 2)
    assert await world.recovered(part) is None
    world.stated(part, 3)
    assert await world.recovered(part) == 3


async def test_projector_handles(world: World) -> None:
    """It states hardly anything."""
    world.handled("api", -1)
    assert await world.recovered("api-projector") is None
    world.handled("api", 2)
    assert await world.recovered("api-projector") == 2


@pytest.mark.parametrize(("part", "schema"), [("keeper", "keeper"), ("provider", "payment")])
async def test_facts_are_enough(world: World, part: str, schema: str) -> None:
    """A tick that was written; the outcome of a payment."""
    world.stated(schema, -1)
    assert await world.recovered(part) is None
    world.stated(schema, 4)
    assert await world.recovered(part) == 4


@pytest.mark.parametrize("part", ["api-http", "edge"])
async def test_requests_are_answered(world: World, part: str) -> None:
    """One that was sent after the end: an answer that was on its way says nothing."""
    world.town.desk.answers.append((SINCE - 1, SINCE + 1))
    assert await world.recovered(part) is None
    world.town.desk.answers.append((SINCE + 1, SINCE + 2))
    assert await world.recovered(part) == 2


@pytest.mark.parametrize("part", ["kafka", "connect", "postgres"])
async def test_log_brings_a_new_fact(world: World, part: str) -> None:
    """Of each other service, stated after the end, in a client's hands: neither an older one nor api's own counts."""
    for kind, at in (("delivery_assigned", -1.0), ("order_picked_up", 1.0), ("order_ready", 1.0)):
        world.town.pushes.append((SINCE + 2, world.version(kind, 6, at), 6))
    order = world.version("payment_completed", 2, 1.0)
    world.town.pushes.append((SINCE + 3, order, 1))
    world.town.pushes.append((SINCE + 5, order, 2))
    world.town.pushes.append((SINCE + 6, world.version("order_accepted", 4, 1.0), 4))
    assert await world.recovered(part) is None
    world.town.pushes.append((SINCE + 9, world.version("delivery_assigned", 3, 1.0), 3))
    assert await world.recovered(part) == 9


async def test_notifier_pushes_any_fact(world: World) -> None:
    """Also one of api's own."""
    world.town.pushes.append((SINCE + 2, world.version("order_picked_up", 6, 1.0), 6))
    assert await world.recovered("notifier") == 2


def test_every_part_has_its_sign() -> None:
    """What can be killed can be seen to work again."""
    assert set(SIGNS) >= {"api-http", "api-projector", "payment", "delivery", "restaurant", "notifier", "keeper"}
