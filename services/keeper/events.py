"""What the keeper says and hears: the tick."""

from collections.abc import Mapping
from dataclasses import dataclass

TOPIC = "ticks"
KEY = "clock"


@dataclass(frozen=True)
class Tick:
    """The log's clock shows `k`."""

    k: int


READS: Mapping[str, type] = {"tick": Tick}
WRITES: Mapping[str, type] = {"tick": Tick}
