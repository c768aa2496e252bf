"""Leased work on a real Postgres: one outcome for a row, whatever dies or comes late."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from chassis import work
from chassis.database import Database, Transaction
from chassis.errors import Transient
from chassis.work import Workers
from ground.waiting import until

TABLE = """
CREATE TABLE task (key text PRIMARY KEY, due_at timestamptz, lease int NOT NULL DEFAULT 0);
CREATE TABLE fact (key text);
"""

TAKE = """
UPDATE task SET due_at = now() + interval '300 ms', lease = lease + 1
WHERE key IN (SELECT key FROM task WHERE due_at <= now() ORDER BY due_at LIMIT %s FOR UPDATE SKIP LOCKED)
RETURNING key, lease
"""


@dataclass(frozen=True)
class Task:
    """A leased row."""

    key: str
    lease: int


def take(tx: Transaction, limit: int) -> list[Task]:
    """Lease due rows for 300 ms."""
    return [Task(*row) for row in tx.execute(TAKE, [limit]).fetchall()]


def settle(tx: Transaction, task: Task, _answer: object) -> list[Task]:
    """Write the fact, if the lease is still ours."""
    done = tx.execute("UPDATE task SET due_at = NULL WHERE key = %s AND lease = %s RETURNING 1", [task.key, task.lease])
    if done.fetchone():
        tx.execute("INSERT INTO fact VALUES (%s)", [task.key])
    return []


def settle_unguarded(tx: Transaction, task: Task, _answer: object) -> list[Task]:
    """Write the fact without looking at the lease: the control."""
    tx.execute("UPDATE task SET due_at = NULL WHERE key = %s", [task.key])
    tx.execute("INSERT INTO fact VALUES (%s)", [task.key])
    return []


@pytest.fixture
def url(blank_database: str) -> str:
    """A database with the tables."""
    with psycopg.connect(blank_database) as db:
        db.execute(TABLE)
    return blank_database


def ask(url: str, query: str) -> list[tuple[Any, ...]]:
    """Ask from outside."""
    with psycopg.connect(url) as db:
        return db.execute(query.encode()).fetchall()


def add(url: str, *keys: str) -> None:
    """Tasks that are due now."""
    with psycopg.connect(url) as db:
        for key in keys:
            db.execute("INSERT INTO task VALUES (%s, now())", [key])


@contextmanager
def workers(
    url: str,
    perform: Callable[[Task], object],
    settled: Callable[[Transaction, Task, object], Sequence[Task]] = settle,
    scan_seconds: float = 0.05,
    core: int = 2,
) -> Iterator[Workers[Task, object]]:
    """A running pool of two."""
    database = Database(url, "workers")
    pool = Workers(
        name="test",
        database=database,
        take=take,
        perform=perform,
        settle=settled,
        size=2,
        core=core,
        scan_seconds=scan_seconds,
    )
    pool.start()
    try:
        yield pool
    finally:
        pool.stop()
        database.close()


def test_due_rows_are_settled_once(url: str) -> None:
    """Two pools on one table: each row has one outcome."""
    add(url, *(f"k{n}" for n in range(50)))
    with workers(url, lambda _: None), workers(url, lambda _: None):
        until(lambda: ask(url, "SELECT count(*) FROM task WHERE due_at IS NULL") == [(50,)])
    assert ask(url, "SELECT count(*), count(DISTINCT key) FROM fact") == [(50, 50)]


def test_unknown_outcomes_come_due_again(url: str) -> None:
    """Transient: nothing is settled, the lease runs out, the call is made again."""
    calls: list[Task] = []

    def perform(task: Task) -> None:
        calls.append(task)
        if len(calls) == 1:
            raise Transient("time-out")

    add(url, "a")
    with workers(url, perform):
        until(lambda: ask(url, "SELECT 1 FROM fact"))
    assert [task.lease for task in calls] == [1, 2]


def test_next_call_of_a_row_stays_in_its_thread(url: str) -> None:
    """A follow-up does not queue behind other rows, nor wake another worker."""
    threads: list[str] = []

    def perform(_: Task) -> None:
        threads.append(threading.current_thread().name)

    def settle_twice(tx: Transaction, task: Task, answer: object) -> Sequence[Task]:
        return [task] if len(threads) < 10 else settle(tx, task, answer)

    add(url, "a")
    with workers(url, perform, settle_twice):
        until(lambda: ask(url, "SELECT 1 FROM fact"))
    assert len(set(threads)) == 1


def test_a_spare_takes_what_waits_behind_a_call_that_hangs(url: str) -> None:
    """The core is one thread, and its call hangs: the others are made all the same, one after the other."""
    release = threading.Event()
    threads: list[str] = []

    def perform(task: Task) -> None:
        threads.append(threading.current_thread().name)
        if len(threads) == 1:
            release.wait(10)

    add(url, "hangs")
    with workers(url, perform, core=1):
        until(lambda: threads)
        add(url, "a", "b", "c")
        until(lambda: ask(url, "SELECT 1 FROM fact WHERE key IN ('a', 'b', 'c')") == [(1,)] * 3)
        release.set()
    assert threads[0] == "test-0"
    assert set(threads[1:]) == {"test-1"}


def test_quick_calls_stay_with_the_core(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A burst wakes nobody but the core, as long as it does not wait."""
    monkeypatch.setattr(work, "LATE_SECONDS", 60.0)
    threads: set[str] = set()
    add(url, *(f"k{n}" for n in range(50)))
    with workers(url, lambda _: threads.add(threading.current_thread().name), core=1):
        until(lambda: ask(url, "SELECT count(*) FROM fact") == [(50,)])
    assert threads == {"test-0"}


def test_backlog_does_not_wait_for_scans(url: str) -> None:
    """A scan that found all it could take is followed by the next at once: an outage's rows are not doled out."""
    add(url, *(f"k{n}" for n in range(350)))
    with workers(url, lambda _: None, scan_seconds=2.0):
        until(lambda: ask(url, "SELECT count(*) FROM fact") == [(350,)], seconds=6)


@pytest.mark.parametrize(("settled", "facts"), [(settle, 1), (settle_unguarded, 2)], ids=["leased", "control"])
def test_late_answers_change_nothing(url: str, settled: Callable[..., Sequence[Task]], facts: int) -> None:
    """A worker frozen beyond its lease answers late: its outcome is dropped. Without the check there are two facts."""
    release = threading.Event()
    ends: list[int] = []

    def perform(task: Task) -> None:
        if task.lease == 1:
            release.wait(10)
        ends.append(task.lease)

    def settle_and_release(tx: Transaction, task: Task, answer: object) -> Sequence[Task]:
        following = settled(tx, task, answer)
        release.set()
        return following

    add(url, "a")
    with workers(url, perform, settle_and_release):
        until(lambda: sorted(ends) == [1, 2])
    assert len(ask(url, "SELECT 1 FROM fact")) == facts


def test_faults_are_not_alive(url: str) -> None:
    """An error that is no trouble of the world outside is a fault: the process says it is not alive."""

    def perform(_: Task) -> None:
        raise ValueError("a fault")

    add(url, "a")
    with workers(url, perform) as pool:
        until(lambda: not pool.alive())
        assert "a fault" in (pool.ready() or "")
