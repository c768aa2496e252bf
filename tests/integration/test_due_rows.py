"""The queries by which a sleeping service is woken, on the tables that its migrations make, with its own role."""

from collections.abc import Callable

import psycopg
import pytest

from tests.support.overlays import document

ServiceDatabase = Callable[..., str]

NOTHING, SOON, LATER = "NULL", "now() + interval '5 seconds'", "now() + interval '1 hour'"

PAYMENT = "INSERT INTO payment (order_id, due_at) VALUES (gen_random_uuid()::text, {at})"
TICKET = (
    "INSERT INTO ticket (order_id, state, restaurant_id, lines, held, ready_at)"
    " VALUES (gen_random_uuid()::text, 'COOKING', 'r', '[]', true, {at})"
)
JOB = (
    "INSERT INTO job (order_id, state, n, retry_at) VALUES (gen_random_uuid()::text, 'SEARCHING', 1, {at});"
    "INSERT INTO courier (courier_id, on_shift) VALUES (gen_random_uuid()::text, true)"
)
NOBODY = "INSERT INTO job (order_id, state, n, retry_at) VALUES (gen_random_uuid()::text, 'SEARCHING', 1, now())"


PARKED = (
    'INSERT INTO parked (consumer, topic, partition, "offset", key, raw, error, state)'
    " VALUES ('any', 'orders.events', 1, {at}, 'k', '{{}}', '', 'head')"
)


def query(service: str, trigger: str) -> str:
    """What a trigger of its ScaledObject asks."""
    triggers = document("full", "ScaledObject", service)["spec"]["triggers"]
    (found,) = [str(one["metadata"]["query"]) for one in triggers if one["name"] == trigger]
    return found


def count(url: str, service: str, *rows: str, trigger: str = "due") -> int:
    """What it says after these rows were written."""
    with psycopg.connect(url, autocommit=True) as db:
        for row in rows:
            db.execute(row.encode())
        answer = db.execute(query(service, trigger).encode()).fetchone()
        assert answer is not None
        return int(answer[0])


@pytest.mark.parametrize(("service", "row"), [("payment", PAYMENT), ("restaurant", TICKET), ("delivery", JOB)])
def test_due_rows_wake(service: str, row: str, service_database: ServiceDatabase) -> None:
    """None on an empty table; those that are due by the time a pod has started; not those of later."""
    url = service_database(service, fresh=True)
    assert count(url, service) == 0
    assert count(url, service, row.format(at=LATER)) == 0
    assert count(url, service, row.format(at="now()"), row.format(at=SOON)) == 2


def test_nobody_free_wakes_nobody(service_database: ServiceDatabase) -> None:
    """An order may search for hours; while no courier is free there is nothing to do for it."""
    assert count(service_database("delivery", fresh=True), "delivery", NOBODY) == 0


def test_settled_payments_wake_nobody(service_database: ServiceDatabase) -> None:
    """Rows are kept for ever; only those that have something to ask count."""
    assert count(service_database("payment", fresh=True), "payment", PAYMENT.format(at=NOTHING)) == 0


@pytest.mark.parametrize("service", ["payment", "restaurant", "delivery"])
def test_parked_events_keep_one_awake(service: str, service_database: ServiceDatabase) -> None:
    """None without any; one replica, however many there are."""
    url = service_database(service, fresh=True)
    assert count(url, service, trigger="parked") == 0
    assert count(url, service, *(PARKED.format(at=at) for at in (1, 2)), trigger="parked") == 1
