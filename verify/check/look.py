"""Taking the evidence of a running system in an order that makes it comparable.

First the topics' ends, then (a tick later) the tables in one snapshot, then (another tick later) the topics. So what
the topics held before is in the tables, and what the tables hold is in the topics; a tick that came through proves that
change data capture has passed what was committed before it.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import Message

from chassis.kafka import Place
from check import clients, tables, topics, where
from check.history import files
from check.spill import Spill
from check.tables import Range
from check.topics import Ends, Tick, Topics
from check.world import World

TICK_SECONDS = 30.0  # without one the log stands: then what it has not told yet counts as lost
BEFORE_SECONDS = 60.0  # of placing, by the clocks of API and broker
CAUGHT_UP_SECONDS = 10.0

Tell = Callable[[str], None]


class Standstill(Exception):
    """No tick comes out of the log: nothing can be said about what it should have told."""


@dataclass
class Evidence:
    """The world, and every case in the spill."""

    world: World
    spill: Spill


@dataclass(frozen=True)
class Wanted:
    """What to look at. `since`: when the oldest order was placed, 0 for all."""

    ids: Range
    since: float = 0.0
    histories: Sequence[Path] = ()
    all_settled: bool = False
    late_seconds: float = 60.0


def look(place: where.Where, wanted: Wanted, folder: Path, tell: Tell) -> Evidence:
    """Everything, sorted. Raises psycopg.Error, topics.Unreachable, Standstill."""
    spill = Spill(folder)
    with _reader(place) as reader:
        before = _ends(reader, tell)
        world = _tables(place, wanted, spill, tell)
        if reader is not None:
            world.begins, world.ends = before
            _read_topics(reader, world, wanted, spill, tell)
    _sources(place, wanted, world, spill, folder, tell)
    _look_again(place, world)
    return Evidence(world, spill)


@contextmanager
def _reader(place: where.Where) -> Iterator[Topics | None]:
    if place.kafka is None:
        yield None
    else:
        with topics.reading(place.kafka) as reader:
            yield reader


def _ends(reader: Topics | None, tell: Tell) -> tuple[Ends, Ends]:
    if reader is None:
        return {}, {}
    marks = reader.bounds()
    wait_for_tick(reader, tell)
    return marks


def wait_for_tick(reader: Topics, tell: Tell, count: int = 1) -> None:
    """Returns when so many ticks more came out of the log. Raises Standstill."""
    tick = Place(topics.TICKS, 0)
    wanted = reader.bounds()[1].get(tick, 0) + count
    deadline = time.monotonic() + TICK_SECONDS
    while reader.bounds()[1].get(tick, 0) < wanted:
        tell("waiting for a tick of the log's clock")
        if time.monotonic() > deadline:
            raise Standstill(f"no tick came out of the log for {TICK_SECONDS:.0f} s: change data capture stands still")
        time.sleep(0.2)


def _tables(place: where.Where, wanted: Wanted, spill: Spill, tell: Tell) -> World:
    tell("reading the tables")
    with tables.snapshot(place.database) as seen:
        seen.copy(wanted.ids, spill)
        return World(
            sources=frozenset({"tables"}),
            services=seen.services,
            now=seen.now(),
            clock=seen.clock(),
            positions=seen.positions(),
            pruned=seen.oldest(),
            stock=seen.stock(),
            allowances=place.allowances,
            all_settled=wanted.all_settled,
            late_seconds=wanted.late_seconds,
        )


def _read_topics(reader: Topics, world: World, wanted: Wanted, spill: Spill, tell: Tell) -> None:
    # The second tick was written after the first came out, and that after the snapshot.
    wait_for_tick(reader, tell, count=2)
    _, after = reader.bounds()
    names = [topic for topic in {place.topic for place in after} if wanted.ids.everything or _of_orders(topic)]
    since = max(0.0, wanted.since - BEFORE_SECONDS)
    messages = _telling(reader.read(names, after, since), sum(after.values()), tell)
    told = topics.copy(messages, world.ends, wanted.ids, spill)
    world.ticks = [tick for tick in distinct(told.ticks) if tick.at >= wanted.since]
    world.sources |= {"topics"}


def _of_orders(topic: str) -> bool:
    return topic in (topics.EVENTS, topics.JOURNAL, topics.TICKS)


def _telling(messages: Iterator[Message], total: int, tell: Tell) -> Iterator[Message]:
    for number, message in enumerate(messages):
        if number % 10_000 == 0:
            tell(f"reading the topics: {number} of about {total} records")
        yield message


def distinct(ticks: Sequence[Tick]) -> list[Tick]:
    """Without those that came again."""
    found: list[Tick] = []
    for tick in ticks:
        if not found or tick.k > found[-1].k:
            found.append(tick)
    return found


def _sources(place: where.Where, wanted: Wanted, world: World, spill: Spill, folder: Path, tell: Tell) -> None:
    """Those who may know more than the snapshot, not less."""
    tell("reading the provider's log and the histories")
    log = place.provider_log(folder)
    if log is not None:
        clients.copy_log(log, log.stat().st_size, wanted.ids, spill)
        world.sources |= {"provider"}
    if wanted.histories:
        world.histories = clients.copy_histories(files(wanted.histories), wanted.ids, spill)
        world.sources |= {"histories"}
    world.keeper = where.samples(place.keeper())
    world.sources |= {"keeper"} if world.keeper else set()


def _look_again(place: where.Where, world: World) -> None:
    """At the end, for a moment: who has not come to the ends that there were at the beginning, or lets keys wait?"""
    deadline = time.monotonic() + CAUGHT_UP_SECONDS
    with tables.live(place.database) as seen:
        world.slot = seen.slot()
        while True:
            world.later_positions, world.undrained = seen.positions(), seen.undrained()
            if time.monotonic() > deadline or not (any(world.behind()) or world.undrained):
                return
            time.sleep(0.5)
