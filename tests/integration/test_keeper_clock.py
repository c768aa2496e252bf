"""The clock against a real database; the log between is this test's hand."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from uuid import uuid4

import psycopg
import pytest

from chassis.database import Database
from chassis.envelope import Record
from chassis.errors import Transient
from keeper.clock import Clock
from keeper.domain import LOOK_AGAIN, PERIOD, REPEAT_AFTER
from keeper.store import last_tick

Urls = Callable[..., str]


class Hand:
    """Turns the clock, moves its time, and carries ticks from the outbox into the log, or not."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.now = 1000.0
        self.database = Database(url, "keeper", size=1)
        self.clock = Clock(self.database, now=lambda: self.now)
        self.clock.began()

    def pass_time(self, seconds: float) -> list[int]:
        """Turn, let time pass, turn; -> every tick in the outbox."""
        self.clock.turn()
        self.now += seconds
        self.clock.stop()  # news of nothing: the turn need not wait for real
        self.clock.turn()
        return self.written()

    def written(self) -> list[int]:
        """The outbox, in order."""
        with psycopg.connect(self.url) as db:
            return [json.loads(row[0])["k"] for row in db.execute("SELECT payload FROM outbox ORDER BY seq")]

    def carry(self, k: int) -> None:
        """Tick `k` comes out of the log."""
        headers = {
            "ce_id": str(uuid4()),
            "ce_type": "tick",
            "ce_source": "keeper",
            "ce_time": datetime.now(UTC).isoformat(),
        }
        given = [(name, text.encode()) for name, text in headers.items()]
        self.clock.came([Record("ticks", 0, k, b"clock", json.dumps({"k": k}).encode(), given)])


@pytest.fixture
def hand(service_database: Urls) -> Iterator[Hand]:
    """A new system's clock."""
    hand = Hand(service_database("keeper"))
    yield hand
    hand.database.close()


def test_clock_waits_for_its_tick(hand: Hand) -> None:
    """The first tick is written; without its return there is no second, however long it takes."""
    assert hand.pass_time(PERIOD) == [1]
    assert hand.pass_time(1000 * PERIOD) == [1]


def test_returned_tick_brings_the_next(hand: Hand) -> None:
    """One second after tick 1 came back, tick 2 is written."""
    hand.pass_time(PERIOD)
    hand.carry(1)
    assert hand.pass_time(PERIOD - 0.1) == [1]
    assert hand.pass_time(PERIOD) == [1, 2]


def test_restarted_clock_goes_on(hand: Hand) -> None:
    """A new process finds where the clock stands in the outbox, and waits for that tick."""
    hand.pass_time(PERIOD)
    successor = Hand(hand.url)
    assert successor.pass_time(PERIOD) == [1]
    successor.carry(1)
    assert successor.pass_time(PERIOD) == [1, 2]
    successor.database.close()


def test_topic_outlives_a_restored_database(hand: Hand) -> None:
    """The topic's last tick is younger than the outbox: the clock does not go back."""
    hand.carry(41)
    hand.clock.turn()
    hand.clock.turn()
    assert hand.pass_time(PERIOD) == [42]


def test_repeat_needs_a_flowing_slot(hand: Hand) -> None:
    """Nobody reads the slot (there is none here): the missing tick is not written again."""
    hand.pass_time(PERIOD)
    assert hand.pass_time(10 * REPEAT_AFTER) == [1]


def test_reader_of_the_slot_is_waited_for_at_rest(hand: Hand) -> None:
    """The loop looks twice a second whether somebody reads the slot by now, not as fast as it can."""
    hand.pass_time(PERIOD)
    hand.now += 10 * REPEAT_AFTER
    began = time.monotonic()
    for _ in range(3):
        hand.clock.turn()
    assert time.monotonic() - began >= 2 * LOOK_AGAIN


def test_garbage_on_the_topic_is_passed_over(hand: Hand) -> None:
    """A record that is no tick neither moves nor stops the clock."""
    hand.clock.came([Record("ticks", 0, 0, b"clock", b"{", [("ce_type", b"tick")])])
    assert hand.pass_time(PERIOD) == [1]


def test_readiness_is_the_age_of_the_tick(hand: Hand) -> None:
    """No tick yet, a fresh one, an old one."""
    assert hand.clock.ready() is not None
    hand.pass_time(PERIOD)
    hand.carry(1)
    hand.clock.turn()
    hand.clock.turn()
    assert hand.clock.ready() is None
    hand.now += 60
    assert "60 s" in (hand.clock.ready() or "")


def test_last_tick_of_old_is_no_proof(hand: Hand) -> None:
    """After a restart the topic's last tick says where the clock stands, not that anything flows."""
    hand.pass_time(PERIOD)
    successor = Hand(hand.url)
    successor.carry(1)
    successor.clock.turn()
    successor.clock.turn()
    assert successor.clock.ready() is not None
    successor.pass_time(PERIOD)
    successor.carry(2)
    successor.clock.turn()
    successor.clock.turn()
    assert successor.clock.ready() is None
    successor.database.close()


def test_database_refuses_another_word(service_database: Urls) -> None:
    """The keeper's outbox takes ticks of the keeper, and nothing else."""
    with psycopg.connect(service_database("keeper"), autocommit=True) as db:
        insert = "INSERT INTO outbox (id, topic, type, key, payload) VALUES (%s, %s, %s, %s, '{}')"
        for wrong in (("orders.events", "tick", "clock"), ("ticks", "tock", "clock"), ("ticks", "tick", "o1")):
            with pytest.raises(psycopg.errors.CheckViolation):
                db.execute(insert, [uuid4(), *wrong])


def test_unreachable_database_is_trouble() -> None:
    """Trouble is Transient: the loop waits, the process lives."""
    database = Database("postgresql://keeper@127.0.0.1:1/demae?connect_timeout=1", "keeper", size=1)
    with pytest.raises(Transient), database.transaction() as tx:
        last_tick(tx)
    database.close()
