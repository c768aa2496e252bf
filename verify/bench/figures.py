"""Small statistics."""

from collections.abc import Sequence
from statistics import median


def percentile(values: Sequence[float], percent: float) -> float:
    """Nearest-rank percentile; 0 for no values."""
    if not values:
        return 0.0
    ordered = sorted(values)
    rank = -(-len(ordered) * percent // 100)  # ceiling
    return ordered[max(0, min(len(ordered), int(rank)) - 1)]


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Median over median; 0 when either was not measured."""
    return median(ours) / median(theirs) if ours and theirs else 0.0
