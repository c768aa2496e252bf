"""From what a run saw to its figures."""

import asyncio
import json
from io import StringIO

import pytest
from rich.console import Console

from bench import arrivals, latency
from bench.load import Load
from bench.orders import Placed, Sighting
from bench.phases import Phase
from bench.placing import by_pgbench
from bench.report import Idle, Result, figures, tables
from bench.truth import Fact, written

DEMANDED = {
    "orders_per_s",
    "cpu_ms_per_order",
    "idle_cpu_pct",
    "place_p50_ms",
    "place_p99_ms",
    "push1_p50_ms",
    "push2_p50_ms",
    "push2_p99_ms",
    "place_to_delivered_p50_ms",
    "place_vs_pgbench",
    "consumer_vs_bare",
    "rss_total_mb",
    "violations",
}
FACTS = [
    Fact(1, "order_created", 100.0),
    Fact(2, "payment_completed", 100.1),
    Fact(3, "delivery_assigned", 100.2),
    Fact(4, "order_picked_up", 100.3),
    Fact(5, "order_delivered", 100.4),
]
STATUSES = ["PLACED", "PAID", "COURIER_ASSIGNED", "PICKED_UP", "DELIVERED"]


def order() -> Placed:
    """Due at 99.99; every version is pushed 10 ms (one hop) or 20 ms (two hops) after it was stated."""
    late = [0.005, 0.02, 0.02, 0.01, 0.01]
    pushes = [
        Sighting(fact.version, status, fact.at + hop) for fact, status, hop in zip(FACTS, STATUSES, late, strict=True)
    ]
    return Placed("k", 99.99, id="o", acknowledged=100.01, pushes=pushes)


def phase(*orders: Placed, in_flight: tuple[int, ...] = ()) -> Phase:
    return Phase("20 orders/s", 10.0, 12.0, orders, {"api-http": 0.012}, 0.001, in_flight, 144)


def result() -> Result:
    return Result(Idle({"api-http": 1.5}, {"api-http": 50.0}), phase(order()), phase(order()), {"o": FACTS}, [])


def test_figures_have_every_name() -> None:
    """The JSON object holds at least what is asked of it, and is JSON."""
    assert json.loads(json.dumps(figures(result()))).keys() >= DEMANDED


def test_latencies_are_told_by_hops() -> None:
    """One hop is api's own commit, two hops another service's; the first version is neither."""
    found = figures(result())
    assert found["push1_p50_ms"] == pytest.approx(10)
    assert found["push2_p50_ms"] == pytest.approx(20)


def test_placing_counts_from_when_it_was_due() -> None:
    """An open loop's latency includes the wait before the request could be sent."""
    assert figures(result())["place_p50_ms"] == pytest.approx(20)
    assert figures(result())["place_to_delivered_p50_ms"] == pytest.approx(420)


def test_unmeasured_ratio_is_null() -> None:
    """A ratio that was not measured is no number."""
    assert figures(result())["consumer_vs_bare"] is None


def test_cost_is_of_the_stack_alone() -> None:
    """CPU an order is that of the system; the load's stands beside it."""
    assert (figures(result())["cpu_ms_per_order"], figures(result())["load_cpu_ms_per_order"]) == (12.0, 1.0)


def test_late_delivery_does_not_count_as_throughput() -> None:
    """What was delivered after the last arrival is no throughput."""
    late = order()
    late.pushes[-1].at = late.due + 11
    assert phase(order(), late).delivered_per_s == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("in_flight", "grows"), [((5, 5, 5, 6, 6, 6, 5, 6, 5), False), ((5,) * 3 + (20,) * 3 + (90,) * 3, True)]
)
def test_growing_backlog_is_seen(in_flight: tuple[int, ...], grows: bool) -> None:
    """More orders in flight in the last third than in the second."""
    assert phase(in_flight=in_flight).backlog_grew is grows


def test_table_names_every_process() -> None:
    """A person reads the same figures, and each process's share."""
    out = StringIO()
    Console(file=out, width=120).print(tables(result()))
    assert all(word in out.getvalue() for word in ("api-http", "two hops", "not measured", "broken promises"))


def test_foreign_orders_are_left_out() -> None:
    """A push is timed against its own order's facts only."""
    assert latency.pushes([order()], {"other": FACTS}, latency.ONE_HOP) == []


def test_rows_between_marks_are_counted() -> None:
    """A table that came meanwhile counts from its first row."""
    assert written({("api", "outbox"): 5}, {("api", "outbox"): 7, ("new", "outbox"): 3}) == 5


def test_statements_become_a_script() -> None:
    """psycopg's names are pgbench's variables; ids are made by the server."""
    statement = "INSERT INTO t VALUES (%(order)s::uuid, %(customer)s, %(trace)s)"
    assert by_pgbench(statement, 180_000) == "INSERT INTO t VALUES (uuidv7()::uuid, :customer, NULL)"
    assert by_pgbench(statement, 170_006) == "INSERT INTO t VALUES (gen_random_uuid()::uuid, :customer, NULL)"


class FakeLoad(Load):
    """Counts what was begun; every order ends when `end` is called."""

    def __init__(self) -> None:
        self.due: list[float] = []
        self.ended = 0
        self.most = 0

    def begin(self, due: float) -> None:
        self.due.append(due)
        self.most = max(self.most, len(self.due) - self.ended)

    async def room(self, window: int) -> None:
        while len(self.due) - self.ended >= window:
            await asyncio.sleep(0.001)
            self.ended += 1


async def test_open_loop_keeps_its_schedule() -> None:
    """Orders are due at equal distances, whatever became of those before."""
    load = FakeLoad()
    await arrivals.fixed(load, 100, 0.2)
    steps = {round(later - sooner, 4) for sooner, later in zip(load.due, load.due[1:], strict=False)}
    assert (len(load.due), steps) == (20, {0.01})


async def test_full_rate_keeps_its_window() -> None:
    """Never more orders in flight than the window."""
    load = FakeLoad()
    await arrivals.full(load, 3, 0.05)
    assert load.most == 3
    assert len(load.due) > 3
