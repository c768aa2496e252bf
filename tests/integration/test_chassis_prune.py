"""Pruning on a real Postgres: old rows go, but an outbox row never while the slot is not healthy."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from chassis.database import Database
from chassis.prune import Retention, prune
from tests.support.counting import Counting, make_schema

DAY = Retention(outbox=timedelta(days=1), inbox=timedelta(days=2), slot="no_such_slot")


@pytest.fixture
def counting(blank_database: str, tmp_path: Path) -> Counting:
    """The counting service in a database of its own, with rows of three ages."""
    made = Counting(make_schema(blank_database, tmp_path))
    with psycopg.connect(made.url) as db:
        for days in (0, 1.5, 3):
            db.execute("INSERT INTO inbox VALUES (gen_random_uuid(), now() - %s)", [timedelta(days=days)])
            db.execute(
                "INSERT INTO outbox (id, topic, type, key, payload, at)"
                " VALUES (gen_random_uuid(), 'counted.events', 'counted', 'a', '{}', now() - %s)",
                [timedelta(days=days)],
            )
    return made


def test_old_inbox_rows_go(counting: Counting) -> None:
    """Rows beyond the retention, and no others."""
    database = Database(counting.url, "prune")
    assert prune(database, DAY) == 1
    database.close()
    assert counting.rows("SELECT count(*) FROM inbox") == [(2,)]


def test_outbox_rows_stay_without_slot(counting: Counting) -> None:
    """What a lost slot will be repaired from is kept until the slot is healthy again."""
    database = Database(counting.url, "prune")
    prune(database, DAY)
    database.close()
    assert counting.rows("SELECT count(*) FROM outbox") == [(3,)]
