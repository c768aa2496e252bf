"""Postgres restored to an earlier time beside topics that know more: api refuses, and takes back what it had said."""

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from confluent_kafka import Producer
from typer.testing import CliRunner

from api import recovery
from api.events import PaymentCompleted, PaymentRefunded
from api.settings import ApiSettings
from chassis.topics import create_topics
from cli.app import app as cli_app
from cli.errors import CommandError
from ground.waiting import until
from replay import rebuilding
from replay.journal import opened
from tests.support.api_house import ANN, KEN, SOBA, WAY, Client, House
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


class Log:
    """The topics that api looks at, by names of a test's own."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self._producer = Producer({"bootstrap.servers": bootstrap, "partitioner": "murmur2_random", "linger.ms": 0})
        names = (recovery.JOURNAL, recovery.ORDERS, recovery.COURIERS)
        create_topics(bootstrap, {name: {"partitions": 3} for name in names})

    def publish(self, house: House, *, leave_out: str = "") -> None:
        """All that the journal holds, as facts and as documents; documents of type `leave_out` are on the way."""
        for key, event_id, kind, at, data, payload, own in house.ask(SAID):
            headers = {"ce_id": event_id, "ce_type": kind, "ce_time": at.isoformat()}
            self.say(recovery.ORDERS, key, data, {**headers, "ce_source": "api" if own else "payment"})
            if kind != leave_out:
                self.say(recovery.JOURNAL, key, payload, {**headers, "ce_source": "api"})

    def say(self, topic: str, key: str, body: str, headers: dict[str, str]) -> None:
        """One record."""
        self._producer.produce(topic, key=key, value=body, headers=dict(headers))
        self._producer.flush(10)

    def look(self, database: str, *, obey: bool = False) -> str | None:
        """What a process of api finds at its start; it looks again while the broker is not there yet."""
        look = recovery.Look(ApiSettings(database_url=database, kafka_bootstrap=self.bootstrap), obey=obey)
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
        assert "restored to an earlier time" in said
        assert "./demae recover" in said
    assert copy.ask("SELECT count(*) FROM orders") == [(1,)]


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


def test_word_that_nobody_follows_is_withdrawn(house: House) -> None:
    """Else it would be obeyed after some later restore."""
    told = CliRunner().invoke(cli_app, ["recover", "--patience", "1"], env={"DATABASE_URL": house.url})
    assert isinstance(told.exception, CommandError)
    assert house.ask(ENDED) == [(None, "withdrawn")]


def test_nothing_is_waited_for_before_the_first_order(house: House) -> None:
    """Tables without a version contradict nothing."""
    assert recovery.Look(without_broker(house), obey=False)() is None


async def test_broker_that_is_away_is_waited_for(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written without a look is published when it is back; but orders are taken without it after a while."""
    await accepted(house)
    look = recovery.Look(without_broker(house), obey=False)
    assert "as the log may know more than the tables" in (look() or "")
    monkeypatch.setattr(recovery, "PATIENCE_SECONDS", 0)
    assert look() is None


def without_broker(house: House) -> ApiSettings:
    """Nobody listens there."""
    return ApiSettings(database_url=house.url, kafka_bootstrap="127.0.0.1:1")
