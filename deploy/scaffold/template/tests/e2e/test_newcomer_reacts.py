"""newcomer in the running system: an order is delivered, its points are there."""

import psycopg
import pytest

from ground.stack import Stack
from ground.waiting import until
from tests.support.delivering import deliver_one

POINTS = b"SELECT points FROM newcomer.score WHERE order_id = %s"


@pytest.mark.needs("database")
async def test_delivered_order_earns_points(stack: Stack) -> None:
    """From placing to the row of another service, through database, log and broker."""
    order_id = await deliver_one(stack)
    with psycopg.connect(stack.database_url(), autocommit=True) as db:
        until(lambda: db.execute(POINTS, [order_id]).fetchall() == [(10,)], what="the order has its points")
