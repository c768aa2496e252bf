"""Postgres restored to an earlier time beside topics that know more: api refuses, and takes back what it had said."""

import asyncio
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from confluent_kafka import Producer
from typer.testing import CliRunner

from api import recovery
from api.__main__ import Http
from api.events import PaymentCompleted, PaymentRefunded
from api.look import Look
from api.recovery import Memory
from api.settings import ApiSettings, HttpSettings
from api.store import Version
from chassis.errors import Fatal
from chassis.topics import create_topics
from cli import recover
from cli.app import app as cli_app
from cli.errors import CommandError
from ground.waiting import until
from replay import rebuilding
from replay.journal import opened
from tests.support.api_house import ANN, KEN, SECRET, SOBA, WAY, Client, House
from tests.support.api_house import opened as at_api
from tests.support.databases import TestServer
from tests.support.worlds import OwnBroker

SAID = """
SELECT key, id::text, type, at, data, payload, EXISTS (SELECT FROM outbox WHERE outbox.id = journal.id)
FROM journal ORDER BY seq
"""
READ_MODEL = "SELECT id, version, since, open, customer_id, restaurant_id, courier_id, document FROM orders ORDER BY id"
JOURNAL = "SELECT order_id, version, id, type, at, data, payload FROM journal ORDER BY order_id, version"
WISH = "INSERT INTO recovery (who) VALUES ('ann')"
ENDED = "SELECT versions, refused FROM recovery WHERE ended IS NOT NULL"
DOUBTS = "SELECT count(*) FROM doubt"
SENTENCE = "Postgres was restored to an earlier time"


class Log:
    """The topics that api looks at, by names of a test's own."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self._producer = Producer({"bootstrap.servers": bootstrap, "partitioner": "murmur2_random", "linger.ms": 0})
        names = (recovery.JOURNAL, recovery.ORDERS, recovery.COURIERS)
        create_topics(bootstrap, {name: {"partitions": 3} for name in names})

    def publish(self, house: "House | Copy", *, leave_out: str = "", waited: timedelta = timedelta()) -> None:
        """All that the journal holds, as facts and as documents; documents of type `leave_out` are on the way.

        The facts were in the log for as long as they have `waited` to be folded.
        """
        said = datetime.now(UTC) - waited
        for key, event_id, kind, at, data, payload, own in house.ask(SAID):
            headers = {"ce_id": event_id, "ce_type": kind, "ce_time": at.isoformat()}
            self.say(recovery.ORDERS, key, data, {**headers, "ce_source": "api" if own else "payment"}, said)
            if kind != leave_out:
                self.say(recovery.JOURNAL, key, payload, {**headers, "ce_source": "api"})

    def say(self, topic: str, key: str, body: str, headers: dict[str, str], at: datetime | None = None) -> None:
        """One record."""
        when = int((at or datetime.now(UTC)).timestamp() * 1000)
        self._producer.produce(topic, key=key, value=body, headers=dict(headers), timestamp=when)
        self._producer.flush(10)

    def look(self, database: str, *, obey: bool = False) -> str | None:
        """What a process of api finds at its start; it looks again while the broker is not there yet."""
        look = Look(ApiSettings(database_url=database, kafka_bootstrap=self.bootstrap), obey=obey)
        found: list[str | None] = []

        def answered() -> bool:
            found.append(look())
            return not (found[-1] or "").startswith("kafka")

        until(answered, 30, "the broker's answer")
        return found[-1]


@pytest.fixture
def log(real_broker: OwnBroker, monkeypatch: pytest.MonkeyPatch) -> Log:
    for name in ("JOURNAL", "ORDERS", "COURIERS"):
        monkeypatch.setattr(recovery, name, f"{name.lower()}.{uuid.uuid4().hex[:12]}")
    return Log(real_broker.bootstrap)


@pytest.fixture
def house(service_database: Callable[..., str]) -> House:
    return House(service_database)


class Copy:
    """api's tables as they were when it was made."""

    def __init__(self, server: TestServer, house: House) -> None:
        self.name = server.create(house.url.rsplit("/", 1)[1])
        self.url = server.url("api", self.name)
        self._admin = server.url("postgres", self.name)
        self.reader = server.url("verify", self.name)

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self._admin, autocommit=True, options="-c search_path=api") as db:
            cursor = db.execute(query.encode())
            return cursor.fetchall() if cursor.description else []


@pytest.fixture
def copied(postgres: TestServer) -> Iterator[Callable[[House], Copy]]:
    """Makes copies; they are gone at the end."""
    made: list[Copy] = []

    def copy(house: House) -> Copy:
        made.append(Copy(postgres, house))
        return made[-1]

    yield copy
    for one in made:
        postgres.drop(one.name)


async def accepted(house: House) -> str:
    """An order on its way, before the copy."""
    async with at_api(house.url) as client:
        order = await client.placed()
    house.accept(order)
    return order


async def carried(client: Client, order: str) -> None:
    """Ready, picked up, delivered: all of it said by api."""
    await client.act("markOrderReady", SOBA, order)
    await client.act("pickUpOrder", KEN, order)
    await client.act("deliverOrder", KEN, order)


async def gone_on(house: House, before: str) -> None:
    """What happened after the copy: the order was delivered, others came and ended or did not."""
    async with at_api(house.url) as client:
        await carried(client, before)
        paid, cancelled = await client.placed(), await client.placed()
        house.fold(paid, PaymentCompleted(1))
        house.fold(cancelled, *WAY)
        await client.act("cancelOrder", ANN, cancelled)
        house.fold(cancelled, PaymentRefunded(1800, "EUR"))


async def test_forgotten_versions_keep_api_from_starting(
    house: House, log: Log, copied: Callable[[House], Copy]
) -> None:
    """On the tables that have them nothing is missing; on the copy it is one sentence, until a person has spoken."""
    order = await accepted(house)
    copy = copied(house)
    await gone_on(house, order)
    log.publish(house)
    assert log.look(house.url) is None
    for obey in (False, True):
        said = log.look(copy.url, obey=obey) or ""
        assert SENTENCE in said
        assert "./demae recover" in said
    assert copy.ask("SELECT count(*) FROM orders") == [(1,)]


async def test_tables_that_are_read_again_do_not_hide_it(
    house: House, log: Log, copied: Callable[[House], Copy]
) -> None:
    """No slot is restored: the connector sends what the tables know once more, behind what they do not."""
    order = await accepted(house)
    copy = copied(house)
    async with at_api(house.url) as client:
        await carried(client, order)
    log.publish(house)
    log.publish(copy)
    assert SENTENCE in (log.look(copy.url) or "")
    copy.ask(WISH)
    assert log.look(copy.url, obey=True) is None
    assert copy.ask(READ_MODEL) == house.ask(READ_MODEL)


async def test_recovery_makes_the_same_tables(house: House, log: Log, copied: Callable[[House], Copy]) -> None:
    """Journal and read model are what they were, and the fold of the one is the other."""
    order = await accepted(house)
    copy = copied(house)
    await gone_on(house, order)
    log.publish(house)
    copy.ask(WISH)
    assert log.look(copy.url) is not None  # http waits for the projector
    assert log.look(copy.url, obey=True) is None
    assert copy.ask(READ_MODEL) == house.ask(READ_MODEL)
    assert copy.ask(JOURNAL) == house.ask(JOURNAL)
    assert copy.ask(ENDED) == [(len(house.ask(JOURNAL)) - 4, None)]
    assert copy.ask("SELECT began BETWEEN asked AND ended FROM recovery") == [(True,)]
    assert copy.ask(DOUBTS) == [(0,)]
    with opened(copy.reader) as journal:
        outcome = rebuilding.Outcome()
        made = rebuilding.rebuilt(journal.orders(), outcome)
        assert rebuilding.compare(made, journal.stored(), outcome, lambda _: None).different == 0
    assert copy.ask("SELECT count(*) FROM orders WHERE open") == [(1,)]


async def test_recovered_facts_are_no_news(house: House, log: Log, copied: Callable[[House], Copy]) -> None:
    """The projector, which reads them again from its restored position, finds them claimed."""
    order = await accepted(house)
    copy = copied(house)
    await gone_on(house, order)
    log.publish(house)
    copy.ask(WISH)
    log.look(copy.url, obey=True)
    forgotten = "SELECT id FROM journal WHERE seq > 4 EXCEPT SELECT event_id FROM inbox"
    assert copy.ask(forgotten) == []


async def test_fact_whose_version_was_on_the_way(house: House, log: Log, copied: Callable[[House], Copy]) -> None:
    """api's last words came out, their document did not: others have acted on them."""
    order = await accepted(house)
    copy = copied(house)
    async with at_api(house.url) as client:
        await carried(client, order)
    log.publish(house, leave_out="order_delivered")
    copy.ask(WISH)
    assert log.look(copy.url, obey=True) is None
    assert copy.ask(READ_MODEL) == house.ask(READ_MODEL)


async def test_fact_that_waited_long_to_be_folded(house: House, log: Log, copied: Callable[[House], Copy]) -> None:
    """It was set aside, or the projector stood: its place in the log is far before that of its version."""
    order = await accepted(house)
    copy = copied(house)
    await gone_on(house, order)
    log.publish(house, waited=2 * recovery.MARGIN)
    copy.ask(WISH)
    assert log.look(copy.url, obey=True) is None
    assert copy.ask(READ_MODEL) == house.ask(READ_MODEL)
    assert copy.ask(JOURNAL) == house.ask(JOURNAL)


async def test_recovery_that_breaks_off_is_taken_up_again(
    house: House, log: Log, copied: Callable[[House], Copy], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it has written does not count as the end of what the tables know."""
    order = await accepted(house)
    copy = copied(house)
    await gone_on(house, order)
    log.publish(house)
    taken: list[Sequence[Version]] = []
    save = Memory._save

    def once(memory: Memory, versions: Sequence[Version]) -> None:
        if taken:
            raise Fatal("it has broken off")
        taken.append(versions)
        save(memory, versions)

    monkeypatch.setattr(recovery, "CHUNK", 1)
    monkeypatch.setattr(Memory, "_save", once)
    copy.ask(WISH)
    assert SENTENCE in (log.look(copy.url, obey=True) or "")
    assert copy.ask("SELECT since < (SELECT max(at) FROM journal) FROM doubt") == [(True,)]
    monkeypatch.setattr(Memory, "_save", save)
    copy.ask(WISH)
    assert log.look(copy.url, obey=True) is None
    assert copy.ask(READ_MODEL) == house.ask(READ_MODEL)
    assert copy.ask(DOUBTS) == [(0,)]


async def test_tables_that_went_another_way_are_refused(
    house: House, log: Log, copied: Callable[[House], Copy], service_database: Callable[..., str]
) -> None:
    """Somebody acted on the restored tables: two histories of one order, and no program can choose."""
    order = await accepted(house)
    copy = copied(house)
    await gone_on(house, order)
    log.publish(house)
    async with at_api(copy.url) as client:
        await client.act("cancelOrder", ANN, order)
    before = copy.ask(READ_MODEL)
    copy.ask(WISH)
    assert log.look(copy.url, obey=True) is not None
    ((versions, refused),) = copy.ask(ENDED)
    assert versions is None
    assert order in refused
    assert [row for row in copy.ask(READ_MODEL) if str(row[0]) == order] == before


async def test_records_of_nobody_are_passed_over(house: House, log: Log) -> None:
    """What stands in a topic and is not api's says nothing about its tables."""
    await accepted(house)
    log.publish(house)
    headers = {"ce_id": "x", "ce_type": "order_created", "ce_source": "api", "ce_time": "yesterday"}
    for key in ("strange", "0199d2a0-0000-7000-8000-000000000001"):
        log.say(recovery.JOURNAL, key, "{}", headers)
    assert log.look(house.url) is None


async def test_word_on_whole_tables_is_followed_at_once(house: House, log: Log) -> None:
    """Nothing was missing, nothing is taken, and the word does not wait for another day."""
    await accepted(house)
    log.publish(house)
    house.ask(WISH)
    assert log.look(house.url, obey=True) is None
    assert house.ask(ENDED) == [(0, None)]


def test_word_that_nobody_takes_up_is_withdrawn(house: House) -> None:
    """Else it would be obeyed after some later restore. It is said soon, and why."""
    told = CliRunner().invoke(cli_app, ["recover", "--patience", "1"], env={"DATABASE_URL": house.url})
    assert isinstance(told.exception, CommandError)
    assert "only while it waits at its start" in str(told.exception)
    assert house.ask(ENDED) == [(None, "withdrawn")]


def test_word_under_way_is_waited_for(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    """However long it takes."""
    with ThreadPoolExecutor() as pool, psycopg.connect(house.url, autocommit=True) as db:
        told = pool.submit(recover.told, db, 1)
        until(lambda: house.ask("UPDATE recovery SET began = now() RETURNING who"), 10, "the word")
        until(lambda: house.ask("SELECT 1 FROM recovery WHERE now() > asked + interval '2 s'"), 10, "its patience")
        house.ask("UPDATE recovery SET ended = now(), versions = 7")
        told.result(10)
    assert "7 versions" in capsys.readouterr().out
    assert house.ask(ENDED) == [(7, None)]


def test_nothing_is_waited_for_before_the_first_order(house: House) -> None:
    """Tables without a version contradict nothing."""
    assert Look(without_broker(house), obey=False)() is None


async def test_broker_that_is_away_is_waited_for(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written without a look is published when it is back; but orders are taken without it after a while."""
    await accepted(house)
    look = Look(without_broker(house), obey=False)
    assert "as the log may know more than the tables" in (look() or "")
    assert house.ask(DOUBTS) == [(0,)]
    monkeypatch.setattr("api.look.PATIENCE_SECONDS", 0)
    assert look() is None
    assert house.ask(DOUBTS) == [(1,)]
    assert "kafka" in (Look(without_broker(house), obey=True)() or "")  # the projector has nothing to do


async def test_start_without_a_look_hides_nothing(
    house: House, log: Log, copied: Callable[[House], Copy], monkeypatch: pytest.MonkeyPatch
) -> None:
    """http ends when the broker is back, and what was written meanwhile is not taken for the tables' end."""
    monkeypatch.setattr("api.look.PATIENCE_SECONDS", 0)
    monkeypatch.setattr(recovery, "CLOCKS", timedelta())
    order = await accepted(house)
    copy = copied(house)
    async with at_api(house.url) as client:
        await carried(client, order)
    log.publish(house)
    assert Look(without_broker(copy), obey=False)() is None
    async with at_api(copy.url) as client:
        await client.placed()
    settings = HttpSettings(
        database_url=copy.url, kafka_bootstrap=log.bootstrap, jwt_secret=SECRET, http_host="127.0.0.1", http_port=0
    )
    http = Http(settings, Look(settings, obey=False))
    try:
        with pytest.raises(Fatal, match=SENTENCE):
            await asyncio.wait_for(asyncio.to_thread(http.run), 30)
    finally:
        http.stop()
    assert SENTENCE in (log.look(copy.url) or "")
    copy.ask(WISH)
    assert log.look(copy.url, obey=True) is None


async def test_look_beside_finds_whole_tables(house: House, log: Log) -> None:
    """Then there is no doubt any more."""
    await accepted(house)
    log.publish(house)
    house.ask("INSERT INTO doubt (since) VALUES ('2000-01-01')")
    look = Look(ApiSettings(database_url=house.url, kafka_bootstrap=log.bootstrap), obey=False)
    look.beside(lambda: pytest.fail("nothing is missing"))
    until(lambda: house.ask(DOUBTS) == [(0,)], 30, "the look")
    assert look.forgotten is None


def without_broker(house: House | Copy) -> ApiSettings:
    """Nobody listens there."""
    return ApiSettings(database_url=house.url, kafka_bootstrap="127.0.0.1:1")
