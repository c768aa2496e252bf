"""What is known beside the orders: how far everybody had read, the clock, the slot, what was disturbed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from chassis.kafka import Place
from check import contract
from check.clients import Histories, of_one
from check.facts import Event
from check.tables import At, Range, Slot
from check.topics import Ends, Tick

STANDSTILL_SECONDS = 5.0  # between two ticks: the log stood


@dataclass
class World:
    """What is not about one order. Empty parts were not to be had: see `sources`."""

    sources: frozenset[str]
    """Of tables, topics, provider, histories: what there is to judge by."""
    wanted: Range = field(default_factory=Range)
    """The orders that are looked at."""
    services: Sequence[str] = ()
    now: float = 0.0
    """The moment of the tables' snapshot, by the database's clock."""
    clock: int = 0
    positions: Mapping[tuple[str, str, int], int] = field(default_factory=dict)
    """(Service, topic, partition) → what it had read in the snapshot."""
    later_positions: Mapping[tuple[str, str, int], int] = field(default_factory=dict)
    """The same at the end of looking."""
    undrained: frozenset[At] = frozenset()
    """First parked rows, at the end of looking, of keys that wait for nobody."""
    ends: Ends = field(default_factory=dict)
    """Of the partitions before the snapshot."""
    begins: Ends = field(default_factory=dict)
    """Their oldest kept offsets."""
    pruned: Mapping[str, float] = field(default_factory=dict)
    """Service → the time before which its outbox rows have been forgotten."""
    ticks: Sequence[Tick] = ()
    stock: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """(Restaurant, dish) → how many were left in the snapshot, where no kitchen has counted."""
    slot: Slot | None = None
    keeper: Mapping[str, float] = field(default_factory=dict)
    """The keeper's metrics, where they could be had."""
    histories: Histories = field(default_factory=Histories)
    allowances: Mapping[str, int] | None = None
    """What deadlines are set to in the running system; None: nobody said."""
    late_seconds: float = 60.0
    """That a version may take to an open stream; the time of faults on its way is not counted."""
    all_settled: bool = False
    """An order that has not ended counts as a broken promise, however much time it has left."""

    @property
    def happened(self) -> frozenset[str]:
        """What there was to survive (poison, faults, a standstill of the log), and what was looked at beside orders."""
        there = {
            "everything": self.wanted.everything,
            "others": not of_one(self.wanted),
            "poison": self.histories.poison,
            "faults": self.histories.faults,
            "standstill": any(later.at - sooner.at > STANDSTILL_SECONDS for sooner, later in pairwise(self.ticks)),
        }
        return frozenset(name for name, some in there.items() if some)

    def behind(self) -> Iterator[tuple[str, Place, int]]:
        """Who had not come to an end by the end of looking, where, and how far it was: without a position, nowhere."""
        for place, end in self.ends.items():
            known = {key[0] for key in self.later_positions if key[1:] == place}
            for service in sorted(known | (contract.readers(place.topic) & set(self.services))):
                at = self.later_positions.get((service, *place), self.begins.get(place, 0))
                if at < end:
                    yield service, place, at

    def has_read(self, service: str, event: Event) -> bool:
        """Whether the service had handled (or parked) this record when the tables were read."""
        return self.positions.get((service, contract.ORDERS, event.partition), 0) > event.offset
