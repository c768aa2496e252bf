"""`demae replay` and `demae rebuild` on a real journal. REPLAY_ORDERS=100000 measures as many."""

import json
import os
import sys
import time
from collections.abc import Callable

import psycopg
import pytest
from typer.testing import CliRunner

from api.events import PaymentCompleted
from replay.__main__ import app
from replay.journal import opened
from tests.support.api_house import KEN, SOBA, House
from tests.support.api_house import opened as at_api
from tests.support.databases import TestServer, service_databases
from tests.support.many_orders import fill

ORDERS = int(os.environ.get("REPLAY_ORDERS", "500"))
LIVE_RATE = 100  # orders/s of the whole system on two cores
TIMES = 5

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(service_database: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command on the test's database, by the role that may only read; -> exit code and what it printed."""
    monkeypatch.setenv("DATABASE_URL", service_database("verify"))

    def call(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, words)
        return done.exit_code, done.output

    return call


async def delivered(house: House, url: str) -> str:
    """An order by both of api's writers: mutations and projector."""
    async with at_api(url) as client:
        order_id = await client.placed()
        house.accept(order_id)
        await client.act("markOrderReady", SOBA, order_id)
        await client.act("pickUpOrder", KEN, order_id)
        await client.act("deliverOrder", KEN, order_id)
        return order_id


async def test_rows_of_both_writers_come_again(service_database: Callable[..., str], run: Run) -> None:
    """What mutations and the projector wrote is what their facts make, byte for byte."""
    order_id = await delivered(House(service_database), service_database("api"))
    assert json.loads(run("rebuild", "--json")[1])["different"] == 0
    code, told = run("order", "--order", order_id, "--json")
    story = json.loads(told)
    assert code == 0
    assert [fact["type"] for fact in story["facts"]][-2:] == ["order_picked_up", "order_delivered"]
    assert story["order"]["status"] == "DELIVERED"


async def test_order_is_told_for_people(service_database: Callable[..., str], run: Run) -> None:
    """Up to a version: each fact with its time and what it changed."""
    order_id = await delivered(House(service_database), service_database("api"))
    code, told = run("order", "--order", order_id, "--until", "2")
    assert code == 0
    assert "at version 2: PAID" in told
    assert "status PLACED → PAID" in told
    assert "DELIVERED" not in told


async def test_orders_are_counted_at_a_moment(service_database: Callable[..., str], run: Run) -> None:
    """Before and after."""
    before = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 60))
    house = House(service_database)
    async with at_api(service_database("api")) as client:
        await client.placed()
        house.fold(await client.placed(), PaymentCompleted(1))
    assert json.loads(run("order", "--json")[1]) == {"PLACED": 1, "PAID": 1}
    assert json.loads(run("order", "--json", "--until", before)[1]) == {}


def test_many_orders_are_rebuilt_faster_than_they_came(postgres: TestServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """All journeys mixed; the rate is measured with the reading. (In a database whose rows nobody else judges.)"""
    with service_databases(postgres) as url:
        fill(url("postgres"), ORDERS)
        monkeypatch.setenv("DATABASE_URL", url("verify"))
        done = CliRunner().invoke(app, ["rebuild", "--json", "--live-rate", str(LIVE_RATE)])
    found = json.loads(done.output)
    sys.stdout.write(done.output)
    assert (done.exit_code, found["orders"], found["different"]) == (0, ORDERS, 0)
    assert found["times_live"] >= TIMES


def test_difference_has_an_exit_code(service_database: Callable[..., str], run: Run) -> None:
    """And names the order."""
    fill(service_database("postgres"), 3)
    with psycopg.connect(service_database("postgres")) as db:
        found = db.execute("UPDATE api.orders SET since = 99 WHERE version > 2 RETURNING id::text").fetchall()
    code, told = run("rebuild")
    assert code == 1
    assert all(f"{order_id}  stored otherwise: since" in told for (order_id,) in found)


def test_unreadable_fact_has_an_exit_code(service_database: Callable[..., str], run: Run) -> None:
    """A difference where it is compared, no answer where it is counted; each names the order."""
    fill(service_database("postgres"), 3)
    with psycopg.connect(service_database("postgres")) as db:
        query = "SELECT order_id::text, version FROM api.journal WHERE version = 2 LIMIT 1"
        [(order_id, version)] = db.execute(query).fetchall()
        db.execute("UPDATE api.journal SET data = '[]' WHERE (order_id, version) = (%s, %s)", [order_id, version])
    for words, expected in (("rebuild",), 1), (("order", "--order", order_id, "--json"), 1), (("order",), 2):
        code, told = run(*words)
        assert (code, "cannot be read" in told, order_id in told) == (expected, True, True)


def test_table_beside_holds_what_was_made(
    service_database: Callable[..., str], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a schema of its own; nothing is published of it."""
    fill(service_database("postgres"), 20)
    monkeypatch.setenv("DATABASE_URL", service_database("postgres"))
    assert run("rebuild", "--into", "outbox")[0] == 0
    with psycopg.connect(service_database("postgres")) as db:
        same = "SELECT count(*) FROM rebuilt.outbox JOIN api.orders USING (id, version, since, open, document)"
        assert db.execute(same).fetchone() == (20,)
        assert db.execute("SELECT 1 FROM pg_publication_tables WHERE schemaname = 'rebuilt'").fetchone() is None
    code, told = run("rebuild", "--into", "outbox")
    assert code == 2
    assert "already exists" in told


def test_reader_may_not_keep(service_database: Callable[..., str], run: Run) -> None:
    """The role verify writes nothing, and the sentence says so."""
    code, told = run("rebuild", "--into", "mine")
    assert code == 2
    assert "permission denied" in told


def test_moment_is_one_however_long_it_is_read(service_database: Callable[..., str]) -> None:
    """What is committed meanwhile belongs to the next rebuild."""
    fill(service_database("postgres"), 5)
    with opened(service_database("verify")) as journal:
        orders = journal.orders()
        next(orders)
        fill(service_database("postgres"), 5, seed=2)
        assert len(list(journal.stored())) == 1 + sum(1 for _ in orders) == 5


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("order", "--order", "nonsense"), "is no order's id"),
        (("order", "--order", "0199d2a0-0000-7000-8000-000000000001"), "has no order"),
        (("order", "--until", "3"), "say --order with it"),
        (("order", "--until", "soon"), "it must be a version"),
    ],
)
def test_what_cannot_be_looked_at_is_one_sentence(run: Run, words: tuple[str, ...], sentence: str) -> None:
    """With an exit code of its own."""
    code, told = run(*words)
    assert code == 2
    assert sentence in told


async def test_time_before_an_order_says_so(service_database: Callable[..., str], run: Run) -> None:
    """Instead of an empty story."""
    House(service_database)
    async with at_api(service_database("api")) as client:
        order_id = await client.placed()
    assert "was not there yet" in run("order", "--order", order_id, "--until", "2020-01-01T00:00:00Z")[1]


def test_database_that_is_away_is_one_sentence(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a person reads it."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://verify@127.0.0.1:1/demae")
    code, told = run("rebuild")
    assert code == 2
    assert "The database cannot be read" in told
