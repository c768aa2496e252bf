"""Change data capture on the real parts heals without a human: nothing is lost, and the order of each key is kept.

One stack for the module: each test does its damage under load and waits until it is made good.
"""

import json
import time
from collections.abc import Iterator
from contextlib import suppress

import psycopg
import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary_event
from jsonschema import Draft202012Validator

from chassis.envelope import new_id
from chassis.migrate import publish_tables
from contracts.catalogue import ROOT as CONTRACTS
from ground.waiting import until
from tests.support.capture import Stack, capturing
from tests.support.sales import Follower, Till, assert_published

TICK = "SELECT coalesce(max((payload::json ->> 'k')::int), 0) FROM keeper.outbox"
SLOT = "SELECT wal_status FROM pg_replication_slots WHERE slot_name = 'demae'"
EARLY = "sold before there was a connector"


@pytest.fixture(scope="module")
def early() -> dict[str, Till]:
    return {}


@pytest.fixture(scope="module")
def stack(early: dict[str, Till]) -> Iterator[Stack]:
    """The chain, with 200 rows that were there before the connector."""

    def sell_early(stack: Stack) -> None:
        early[EARLY] = Till(stack, "early")
        early[EARLY].sell(200)

    with capturing(sell_early) as stack:
        yield stack


@pytest.fixture
def till(stack: Stack) -> Till:
    """A till of this test's own."""
    return Till(stack, new_id().hex[-12:])


def clock(stack: Stack) -> int:
    """The youngest tick written."""
    return int(str(stack.ask(TICK)[0][0]))


def test_first_start_publishes_old_rows(stack: Stack, early: dict[str, Till]) -> None:
    """Rows committed before the connector existed come out, in order."""
    assert_published(early[EARLY])


def test_records_are_cloudevents(stack: Stack, till: Till) -> None:
    """The headers keep contracts/envelope.v1.json, and the CloudEvents SDK reads the record as an event."""
    till.sell()
    assert_published(till)
    log = Follower(stack, "orders.events")
    until(lambda: till.sold[0] in log.read())
    record = log.read()[till.sold[0]]
    log.close()
    headers = {name: value if value is None else value.decode() for name, value in record.headers}
    schema = json.loads((CONTRACTS / "envelope.v1.json").read_text())
    Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(headers)
    given = {name: value for name, value in record.headers if value is not None}
    event = from_binary_event(KafkaMessage(given, record.key, record.value or b""))
    assert (event.get_id(), event.get_type(), event.get_specversion()) == (str(till.sold[0]), "sold", "1.0")


def test_dropped_slot_heals(stack: Stack, till: Till) -> None:
    """Somebody drops the slot while rows are written."""
    with till.selling():
        until(lambda: len(till.sold) > 50)
        until(lambda: dropped(stack), what="the slot dropped")
        before = len(till.sold)
        until(lambda: len(till.sold) > before + 100)
        until(lambda: stack.ask(SLOT), 30, "a new slot")
    assert_published(till)


def test_invalidated_slot_heals(stack: Stack, till: Till) -> None:
    """The connector hangs until Postgres gives its slot up; the keeper drops what is lost, and no more."""
    drops = stack.repairs("drop_slot")
    with till.selling():
        until(lambda: len(till.sold) > 50)
        with stack.frozen("connect"):
            until(lambda: lost(stack), 30, "the slot lost")
        until(lambda: stack.repairs("drop_slot") == drops + 1, 30, "the slot dropped by the keeper")
        until(lambda: stack.ask(SLOT) == [("reserved",)], 30, "a new slot")
    assert_published(till)
    assert stack.repairs("drop_slot") == drops + 1


def test_slot_lost_while_connect_is_down_heals(stack: Stack, till: Till) -> None:
    """Connect comes back to a slot that Postgres gave up in the meantime."""
    drops = stack.repairs("drop_slot")
    till.sell(50)
    stack.kill("connect")
    till.sell(50)
    until(lambda: lost(stack), 30, "the slot lost")
    stack.start("connect")
    until(lambda: stack.ask(SLOT) == [("reserved",)], 60, "a new slot")
    till.sell(50)
    assert_published(till)
    assert stack.repairs("drop_slot") == drops + 1


def test_dropped_publication_heals(stack: Stack, till: Till) -> None:
    """Rows are written while there is none: the keeper drops the slot, and with the publication all comes, in order."""
    with till.selling():
        until(lambda: len(till.sold) > 50)
        stack.ask("DROP PUBLICATION demae")
        until(lambda: not stack.ask(SLOT), 30, "the slot dropped by the keeper")
        before = len(till.sold)
        until(lambda: len(till.sold) > before + 100)
        with psycopg.connect(stack.url("postgres"), autocommit=True) as db:
            publish_tables(db, ["keeper", "shop"])
        until(lambda: stack.ask(SLOT) == [("reserved",)], 60, "a new slot")
    assert_published(till)


def test_failed_task_is_restarted(stack: Stack, till: Till) -> None:
    """A task that FAILED, for want of its publication, runs again when the cause is gone."""
    till.sell(50)
    assert_published(till)
    restarts = stack.repairs("restart")
    # No tick meanwhile: before Postgres 18, what is written while there is no publication can never be decoded.
    with stack.frozen("keeper"):
        stack.ask("ALTER PUBLICATION demae RENAME TO elsewhere")
        try:
            stack.ask("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots")
            until(lambda: stack.tasks() == ["FAILED"], 30, "a failed task")
        finally:
            stack.ask("ALTER PUBLICATION elsewhere RENAME TO demae")
    with till.selling():
        until(lambda: stack.repairs("restart") > restarts, 30, "a restart by the keeper")
        until(lambda: stack.tasks() == ["RUNNING"], 30, "a running task")
    assert_published(till)


def test_clock_stands_with_the_log(stack: Stack, till: Till) -> None:
    """Connect is killed: at most the tick on its way is written, however long it lasts; then the clock goes on."""
    stack.kill("connect")
    stopped = clock(stack)
    till.sell(100)
    end = time.monotonic() + 4
    until(lambda: time.monotonic() > end)
    stood = clock(stack)
    stack.start("connect")
    until(lambda: clock(stack) > stood + 1, 60, "the clock moving on")
    assert stood <= stopped + 1
    assert_published(till)


def test_clock_survives_the_keeper(stack: Stack) -> None:
    """A killed keeper's successor goes on with the next tick: none is left out, none is behind."""
    stack.kill("keeper")
    stood = clock(stack)
    stack.start("keeper")
    until(lambda: clock(stack) > stood + 1, 30, "the clock moving on")
    log = Follower(stack, "ticks")
    until(lambda: len(log.read()) > stood)
    ticks = [json.loads(record.value or b"")["k"] for record in log.read().values()]
    log.close()
    assert sorted(set(ticks)) == list(range(1, max(ticks) + 1))
    assert ticks == sorted(ticks)


def test_new_service_flows(stack: Stack) -> None:
    """A table that joins the publication is read at once, and is part of the next repair."""
    stack.ask("CREATE SCHEMA bakery")
    stack.ask("CREATE TABLE bakery.outbox (LIKE shop.outbox INCLUDING ALL)")
    stack.ask("GRANT USAGE ON SCHEMA bakery TO cdc; GRANT SELECT ON bakery.outbox TO cdc")
    stack.ask("ALTER PUBLICATION demae ADD TABLE bakery.outbox")
    event = new_id()
    stack.ask(
        "INSERT INTO bakery.outbox (id, topic, type, key, payload, source)"
        f" VALUES ('{event}', 'orders.events', 'sold', 'bread', '{{}}', 'shop')"
    )
    log = Follower(stack, "orders.events")
    until(lambda: event in log.read(), 30, "the new service's event")
    log.close()
    until(lambda: "bakery.outbox" in configured(stack), 30, "the new table in the repair list")


def configured(stack: Stack) -> list[str]:
    """The tables that a repair reads in order."""
    return str(stack.connector("config").get("snapshot.select.statement.overrides", "")).split(",")


def dropped(stack: Stack) -> bool:
    """Try to drop the slot before the connector takes it again."""
    with suppress(psycopg.errors.ObjectInUse):
        stack.ask(
            "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active;"
            " SELECT pg_drop_replication_slot('demae')"
        )
        return True
    return False


def lost(stack: Stack) -> bool:
    """Write one more segment of WAL; -> whether Postgres gave the slot up."""
    stack.ask("SELECT pg_switch_wal()")
    stack.ask("CHECKPOINT")
    return stack.ask(SLOT) == [("lost",)]
