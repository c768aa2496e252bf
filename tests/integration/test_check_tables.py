"""What the judge reads of a real Postgres: of which services, and what is left out of it, or may be."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from check import tables
from check.case import Case
from check.spill import Spill
from check.tables import Range
from tests.support.databases import TestServer

KEPT = ("api", "delivery", "keeper", "payment", "restaurant")
OF_PAYMENT = """
INSERT INTO payment.outbox (id, topic, type, key, payload, at)
VALUES (gen_random_uuid(), 'orders.events', 'payment_released', 'o-1', '{}', to_timestamp(1000))
"""
DISHES = """
INSERT INTO restaurant.restaurant (restaurant_id, preparation_seconds, menu) VALUES ('sobaya', 0, '');
INSERT INTO restaurant.stock (restaurant_id, item_id, quantity, counted_at)
VALUES ('sobaya', 'soba', 5, NULL), ('sobaya', 'udon', 7, now())
"""
PARKED = """
INSERT INTO api.parked (consumer, topic, partition, "offset", key, raw, error, state, who, why, decided)
SELECT 'api', 'orders.events', 1, place, key, '{}', '', state, 'ada', 'no event', to_timestamp(1000)
FROM (VALUES (10, 'a', 'head'), (11, 'a', 'behind'), (20, 'b', 'released'), (21, 'b', 'behind'), (30, 'c', 'behind'),
  (40, '', 'head'), (41, '', 'discarded')) AS p (place, key, state)
"""


@pytest.fixture
def database(postgres: TestServer) -> Iterator[tuple[psycopg.Connection, str]]:
    """As its owner, and where role `verify` finds it."""
    name = postgres.create(postgres.template)
    with psycopg.connect(postgres.url(database=name), autocommit=True) as owner:
        yield owner, postgres.url("verify", name)
    postgres.drop(name)


def test_services_are_known_by_their_tables(database: tuple[psycopg.Connection, str]) -> None:
    """An outbox that is not published any more is looked at all the more; other tables of that name are not."""
    owner, verify = database
    owner.execute("ALTER PUBLICATION demae DROP TABLE payment.outbox")
    owner.execute("CREATE SCHEMA other CREATE TABLE outbox (seq int)")
    with tables.snapshot(verify) as seen:
        assert tuple(seen.services) == KEPT


def test_empty_outbox_may_have_been_pruned(database: tuple[psycopg.Connection, str]) -> None:
    """Of a service that has long said nothing no row is left; one that has its first row has forgotten nothing."""
    owner, verify = database
    owner.execute(OF_PAYMENT)
    with tables.snapshot(verify) as seen:
        assert "payment" not in seen.oldest()
    owner.execute(OF_PAYMENT)
    owner.execute("DELETE FROM payment.outbox WHERE seq = 1")
    with tables.snapshot(verify) as seen:
        assert seen.oldest()["payment"] == 1000
    owner.execute("DELETE FROM payment.outbox")
    with tables.snapshot(verify) as seen:
        assert abs(seen.oldest()["payment"] - seen.now()) < 60


def test_counted_stock_is_nobodys_sum(database: tuple[psycopg.Connection, str]) -> None:
    """What a kitchen has counted is not what was planted less what orders hold, however long ago it was."""
    owner, verify = database
    for statement in DISHES.split(";"):
        owner.execute(statement.encode())
    with tables.snapshot(verify) as seen:
        assert seen.stock() == {("sobaya", "soba"): 5}


def test_keys_that_may_go_on_are_told(database: tuple[psycopg.Connection, str], tmp_path: Path) -> None:
    """Their first row is no head; nothing waits behind a head without a key."""
    owner, verify = database
    owner.execute(PARKED)
    spill = Spill(tmp_path)
    with tables.snapshot(verify) as seen:
        seen.copy(Range(), spill)
        assert {at[3] for at in seen.undrained()} == {20, 30, 41}
    rows = [row for one in spill.cases() for row in Case.of(*one).parked]
    assert {(row.offset, row.decided) for row in rows} >= {(20, 1000.0), (41, 1000.0)}
