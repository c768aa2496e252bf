"""The explorer's ground: commits in one order, and topics filled from them by capture.

Everything here is a plain model of what the database and change data capture do; the rules under test are the real
ones, composed by the other modules of this package. One partition a topic: causes come before effects in it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec

ORDERS, COURIERS, RESTAURANTS = "orders.events", "couriers.events", "restaurants.events"
TICKS, JOURNAL = "ticks", "orders.journal"
TOPICS = (ORDERS, COURIERS, RESTAURANTS, TICKS, JOURNAL)


@dataclass(frozen=True)
class Rules:
    """What the model keeps to. Each is turned off by a negative control, and must then be missed."""

    remember_closed: bool = True
    """A service remembers the end of an order, also when it has nothing to undo for it."""
    lease: bool = True
    """An answer of the provider counts only under the lease it was asked with."""
    replace_leavers: bool = True
    """A courier who ends the shift before pick-up gives the order back."""
    believe_pick_up: bool = True
    """Who picked up has the order, whoever was assigned meanwhile."""
    gone_is_gone: bool = True
    """What the kitchen has not got is not given back when the order ends."""
    newest_word: bool = True
    """Of two counts of a dish the one that was said later stands, whichever is read first."""
    one_allowance: bool = True
    """However many cards are tried, the time for them began with the first decline."""
    in_order: bool = True
    """Later events of a parked key wait, also behind one that was released."""
    let_go: bool = True
    """What waits behind a parked event is handled once that one is out of the way."""
    one_order_a_key: bool = True
    """Who places again under the same key gets the order that is there."""
    newest_version: bool = True
    """A mutation is written over the version it was decided on, and over no later one."""
    decide_again: bool = True
    """A mutation that was overtaken is decided again, on the order as it is now."""
    fold_each: bool = True
    """Of several events of one order in a batch each is folded."""
    say_all: bool = True
    """What api decides on another's fact is published with the version that it makes."""
    end_is_final: bool = True
    """A capture after the end of an order is undone, and opens nothing."""
    skip_none: bool = True
    """Capture that was killed goes on at or before its last row, never behind a row that it has not published."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a transaction publishes."""

    topic: str
    key: str
    type: str
    data: Any


@dataclass(frozen=True, slots=True)
class Record:
    """What was published, by whom."""

    id: int
    said: Said
    source: str

    @property
    def garbage(self) -> bool:
        """Nobody said it, and nobody will ever read it."""
        return self.id < 0


class Log:
    """Commits in order (the WAL), and the topics as far as they were captured."""

    def __init__(self, rules: Rules = Rules()) -> None:
        self.rules = rules
        self.wal: list[Record] = []
        self.captured = 0
        self.garbage = 0
        self.topics: dict[str, list[Record]] = {topic: [] for topic in TOPICS}

    def commit(self, source: str, said: Iterable[Said]) -> None:
        """A transaction's outbox rows become visible."""
        for one in said:
            self.wal.append(Record(len(self.wal), one, source))

    @property
    def lags(self) -> bool:
        """There is something that was not captured yet."""
        return self.captured < len(self.wal)

    def capture(self) -> None:
        """Debezium publishes the next row."""
        record = self.wal[self.captured]
        self.captured += 1
        self.topics[record.said.topic].append(record)

    def repeat(self, count: int) -> None:
        """Debezium was killed: what it published last, it publishes again."""
        if not self.rules.skip_none:  # the control: rows that were committed meanwhile are passed over
            self.captured = min(len(self.wal), self.captured + count)
            return
        for record in self.wal[max(0, self.captured - count) : self.captured]:
            self.topics[record.said.topic].append(record)

    def spoil(self, key: str, kind: str) -> None:
        """Somebody writes a record into the orders' topic that keeps no schema."""
        self.garbage += 1
        self.topics[ORDERS].append(Record(-self.garbage, Said(ORDERS, key, kind, None), "outside"))


@cache
def _decoder(shape: type) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(shape)


def convert(data: Any, shape: type) -> Any:
    """The producer's data as the consumer reads it: through JSON, as on the wire."""
    return _decoder(shape).decode(msgspec.json.encode(data))
