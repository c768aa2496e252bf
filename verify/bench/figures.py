"""Small statistics."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


def percentile(values: Sequence[float], percent: float) -> float:
    """Nearest-rank percentile; 0 for no values."""
    if not values:
        return 0.0
    ordered = sorted(values)
    rank = -(-len(ordered) * percent // 100)  # ceiling
    return ordered[max(0, min(len(ordered), int(rank)) - 1)]


@dataclass(frozen=True)
class Comparison:
    """Two things measured in turn: their rates, a second."""

    ours: Sequence[float]
    theirs: Sequence[float]

    @property
    def ratio(self) -> float:
        """Median over median."""
        return median(self.ours) / median(self.theirs)

    def __str__(self) -> str:
        return f"{self.ratio:.2f} ({median(self.ours):.0f} / {median(self.theirs):.0f} a second)"
