"""Waiting until nothing moves: every order settled, every consumer at the end of the log."""

import time
from collections.abc import Callable

from chassis.kafka import Place
from check import tables, topics, where

LOOK_SECONDS = 1.0

Tell = Callable[[str], None]


def wait(place: where.Where, seconds: float, tell: Tell) -> str:
    """Returns when nothing moves any more, or after so many seconds; -> what still does, empty for nothing.

    Orders that wait for people (a kitchen, a courier) or behind a parked event do not end by waiting: the deadline is
    for them. Raises psycopg.Error, topics.Unreachable.
    """
    deadline = time.monotonic() + seconds
    while (moving := _moving(place)) and time.monotonic() < deadline:
        tell(f"waiting until nothing moves: {moving}; {deadline - time.monotonic():.0f} s left")
        time.sleep(LOOK_SECONDS)
    return moving


def _moving(place: where.Where) -> str:
    with tables.live(place.database) as seen:
        orders, asking, unsettled = seen.unsettled()
        positions = seen.positions()
    said = [
        f"{number} {what}"
        for number, what in (
            (orders, "orders open"),
            (asking, "calls to the provider due"),
            (unsettled, "cancelled orders not settled"),
            (_behind(place, positions), "partitions not read to their end"),
        )
        if number
    ]
    return ", ".join(said)


def _behind(place: where.Where, positions: dict[tuple[str, str, int], int]) -> int:
    if place.kafka is None:
        return 0
    with topics.reading(place.kafka) as reader:
        _, ends = reader.bounds()
    # Ticks come all the time.
    moving = [key for key, at in positions.items() if at < ends.get(Place(*key[1:]), 0) and key[1] != topics.TICKS]
    return len(moving)
