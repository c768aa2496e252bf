"""I10 and I11: a poisoned event stalls its own order only, and what is parked is what was injected."""

from collections.abc import Iterable, Iterator, Sequence

from check import contract
from check.case import Breach, Case
from check.facts import ParkedRow, Poisoned
from check.tables import At
from check.world import World

DRAIN_SECONDS = 60.0  # in which an owner, also one that starts again meanwhile, takes up a key that may go on


def parked(case: Case, world: World) -> Iterator[Breach]:
    """I11: each poison is a parked row of everybody who handles its type, and each head is a poison. None is left."""
    injected = {at: poison for poison in case.poison for at in _places(poison)}
    rows = {_at(row): row for row in case.parked}
    gone = {(one.consumer, one.topic, one.partition, one.offset) for one in case.decided}
    for at, poison in injected.items():
        if at not in rows and at not in gone and world.positions.get(at[:3], 0) > at[3]:
            yield Breach("I11", case.id, f"{poison.what} at {at[1]} {at[2]}@{at[3]} was not parked by {at[0]}")
    for at, row in rows.items():
        if row.state != "behind" and at not in injected:
            where = f"{row.topic} {row.partition}@{row.offset}"
            yield Breach("I11", case.id, f"{row.consumer} has parked {where}, which nobody poisoned: {row.error}")
    yield from _left(case, world)


def _left(case: Case, world: World) -> Iterator[Breach]:
    """What was decided is done, and what stood behind it follows; in the end nothing is left."""
    for row in _first(case.parked, case.id):
        where = f"{row.topic} {row.partition}@{row.offset}"
        if _at(row) in world.undrained and world.now - (row.decided or row.at) > DRAIN_SECONDS:
            yield Breach("I11", case.id, f"{row.consumer} does not go on with {where}, which is {row.state}")
        elif world.all_settled:
            yield Breach("I11", case.id, f"{row.consumer} still has {where} parked")


def _first(rows: Sequence[ParkedRow], key: str) -> Iterable[ParkedRow]:
    """Of each consumer and place. A head without a key is of nobody: it is the first of its own."""
    found: dict[object, ParkedRow] = {}
    for row in rows:
        found.setdefault(_at(row) if not key and row.state == "head" else _at(row)[:3], row)
    return found.values()


def _at(row: ParkedRow) -> At:
    return row.consumer, row.topic, row.partition, row.offset


def _places(poison: Poisoned) -> Iterator[At]:
    who = poison.consumers
    for consumer in contract.handled_by(poison.type, poison.source) if who is None else who:
        yield consumer, poison.topic, poison.partition, poison.offset


def stalled(world: World) -> Iterator[Breach]:
    """I10: nobody stands before a record that was there when looking began."""
    for service, place, at in world.behind():
        where = f"{place.topic} {place.partition}@{at}; the log went on to {world.ends[place]}"
        if (service, *place) not in world.later_positions:
            yield Breach("I10", service, f"it has never begun at {where}")
        elif at == world.positions.get((service, *place)):
            yield Breach("I10", service, f"it stands still at {where}")
