"""The judge on whole tables of a real Postgres: its SQL against the services' schemas, in bounded memory.

DEMAE_CHECK_ORDERS is the number of orders (verify/check/README.md has the figures for a million).
"""

import os
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from check import facts as f
from check import look, tables, where
from check.judge import Judgement, judge
from check.look import Wanted
from check.rules.stock import Shelf
from check.spill import Spill, subject
from check.tables import Range
from check.topics import digest
from tests.support.databases import TestServer
from tests.support.forgery import DELIVERED, ORDER, sound, world

ORDERS = int(os.environ.get("DEMAE_CHECK_ORDERS", "2000"))
PLACEHOLDER = ORDER
# Ids as text: 12 digits of time, then a number, so that they sort as they were made.
ID = "'01a210b6-0000-7000-8000-' || lpad(to_hex(n), 12, '0')"
MANY = f"FROM generate_series(1, {ORDERS}) AS n"

FILL = f"""
INSERT INTO api.orders (id, version, since, open, customer_id, restaurant_id, courier_id, due_tick, document)
SELECT ({ID})::uuid, 7, 7, false, 'ada', 'sobaya', 'c-01', NULL, replace(%(document)s, %(order)s, {ID}) {MANY};
INSERT INTO api.placement (customer_id, key, order_id, input) SELECT 'ada', 'key-' || n, ({ID})::uuid, '' {MANY};
INSERT INTO payment.payment (order_id, wanted, card, amount, currency, answered, intent, captured, ended)
SELECT {ID}, 1, 'pm_card_visa', 1250, 'EUR', 1, 'pi_' || n, true, 'delivered' {MANY};
INSERT INTO delivery.job (order_id, state, courier_id, n, retry_at) SELECT {ID}, 'CLOSED', NULL, 1, NULL {MANY};
INSERT INTO restaurant.ticket (order_id, state, restaurant_id, lines, held)
SELECT {ID}, 'CLOSED', 'sobaya', '[{{"item_id":"soba","quantity":1}}]', true {MANY};
INSERT INTO restaurant.restaurant (restaurant_id, preparation_seconds, menu) VALUES ('sobaya', 0, '');
INSERT INTO restaurant.stock (restaurant_id, item_id, quantity) VALUES ('sobaya', 'soba', 5);
INSERT INTO api.clock SELECT true, 4000 ON CONFLICT (one) DO UPDATE SET k = 4000;
"""
VERSION = f"""
INSERT INTO api.journal (id, type, key, payload, at, order_id, version, data)
SELECT {{event}}, %(type)s, {ID}, replace(%(document)s, %(order)s, {ID}), to_timestamp(%(at)s), ({ID})::uuid,
  %(version)s, %(data)s {MANY}
"""
EVENT = f"""
INSERT INTO {{service}}.outbox (id, topic, type, key, payload, at)
SELECT {{event}}, 'orders.events', %(type)s, {ID}, %(payload)s, to_timestamp(%(at)s) {MANY}
"""
NAME = "('01a210b6-000' || {} || '-7000-9000-' || lpad(to_hex(n), 12, '0'))::uuid"


def fill(database: str) -> None:
    """So many delivered orders in all tables, alike but for their ids."""
    made = sound(DELIVERED)
    with psycopg.connect(database) as db:
        document = {"document": made.of(f.OrderRow)[0].document, "order": PLACEHOLDER}
        for statement in FILL.split(";\n"):
            if statement.strip():
                db.execute(statement.encode(), document if "%(" in statement else None)
        for row in made.of(f.JournalRow):
            values = {"type": row.type, "document": row.payload, "at": row.at, "version": row.version, "data": row.data}
            db.execute(VERSION.format(event=NAME.format(row.id[1:])).encode(), values | {"order": PLACEHOLDER})
        for event in made.of(f.OutboxRow):
            said = EVENT.format(service=event.service, event=NAME.format(event.id[1:]))
            db.execute(said.encode(), {"type": event.type, "payload": event.payload, "at": event.at})


def tell(spill: Spill) -> None:
    """What topics, provider and a client would say of these orders."""
    made = sound(DELIVERED)
    outside = (*made.of(f.Charge), *made.of(f.Called), *made.of(f.Watched), *made.of(f.Seen))
    for n in range(1, ORDERS + 1):
        order = f"01a210b6-0000-7000-8000-{n:012x}"
        about = subject("order", order)
        for event in made.of(f.Event):
            told = f.write(event)
            spill.add(about, told[0], told[1].replace(f'"{event.id}"'.encode(), f'"{name(event.id, n)}"'.encode()))
        for row, pushed in zip(made.of(f.JournalRow), made.of(f.Pushed), strict=True):
            document = row.payload.replace(PLACEHOLDER, order).encode()
            spill.add(
                about,
                *f.write(
                    f.Pushed(
                        pushed.partition,
                        pushed.offset,
                        name(row.id, n),
                        row.type,
                        row.version,
                        digest(document),
                        row.at,
                        True,
                    )
                ),
            )
        for fact in outside:
            tag, json = f.write(fact)
            spill.add(about, tag, json.replace(PLACEHOLDER.encode(), order.encode()))


def name(event: str, n: int) -> str:
    """The id of that event of the n-th order."""
    return f"01a210b6-000{event[1:]}-7000-9000-{n:012x}"


@pytest.fixture
def filled(postgres: TestServer) -> Iterator[str]:
    """A database with that many orders, for role `verify`. (Fixture service_database would look at each row.)"""
    name = postgres.create(postgres.template)
    fill(postgres.url(database=name))
    yield postgres.url("verify", name)
    postgres.drop(name)


def looked(database: str, spill: Spill) -> Judgement:
    """All of it, by all rules."""
    with tables.snapshot(database) as seen:
        seen.copy(Range(), spill)
        stock, now = seen.stock(), seen.now()
    tell(spill)
    around = world(now=now, stock=stock)
    return judge(spill, around, Shelf({("sobaya", "soba"): 5 + ORDERS}), lambda _line: None)


@pytest.mark.timeout(7200)
def test_tables_are_judged_in_bounded_memory(filled: str, tmp_path: Path) -> None:
    """Every order is looked at, from every source, and nothing is wrong; most of it lay in the temporary folder."""
    began = time.monotonic()
    spill = Spill(tmp_path) if ORDERS > 10_000 else Spill(tmp_path, chunk_bytes=1 << 20)
    found = looked(filled, spill)
    wrong = {name: verdict.breaches for name, verdict in found.verdicts.items() if verdict.count}
    assert (wrong, found.orders, found.settled) == ({}, ORDERS, ORDERS)
    put_away = sum(run.stat().st_size for run in tmp_path.glob("run-*"))
    assert put_away > 1000 * ORDERS
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    took = f"{time.monotonic() - began:.1f} s, {found.seconds:.1f} s of them judging"
    size = f"{put_away >> 20} MiB put away, {peak} MiB of memory at most"
    sys.stdout.write(f"{ORDERS} orders, {spill.lines} lines: {took}, {size}\n")


def test_tables_alone_can_be_looked_at(filled: str, tmp_path: Path) -> None:
    """Without broker, provider and histories the tables are judged, and the rest is said not to be."""
    evidence = look.look(where.Where(filled), Wanted(Range()), tmp_path, lambda _line: None)
    found = judge(evidence.spill, evidence.world, None, lambda _line: None)
    words = {name: verdict.word for name, verdict in found.verdicts.items()}
    assert {name for name, word in words.items() if word == "not checked"} == {
        "I1",
        "I5",
        "I7",
        "I8",
        "I9",
        "I10",
        "I11",
        "I14",
        "I15",
    }
    assert {name for name, word in words.items() if word == "VIOLATED"} == {"I13"}  # a server without a slot
    assert found.orders == ORDERS


def test_range_leaves_others_out(filled: str, tmp_path: Path) -> None:
    """Ids sort by time: one order, or those from some moment on, are copied alone."""
    first = "01a210b6-0000-7000-8000-000000000001"
    spill = Spill(tmp_path)
    with tables.snapshot(filled) as seen:
        seen.copy(Range(first, first), spill)
    assert {name for _space, name, _lines in spill.cases()} == {first}
