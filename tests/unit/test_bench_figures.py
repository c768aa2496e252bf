"""The bench's statistics and its look at processes."""

import os

import pytest

from bench.figures import Comparison, percentile
from bench.processes import cpu_seconds, family, pss_mib, spent, usage


@pytest.mark.parametrize(("percent", "value"), [(50, 5), (99, 10), (100, 10), (0, 1)])
def test_percentile_is_nearest_rank(percent: float, value: float) -> None:
    """The value returned is one that was measured."""
    assert percentile(list(range(10, 0, -1)), percent) == value


def test_percentile_of_nothing_is_zero() -> None:
    """A phase without samples reports 0."""
    assert percentile([], 99) == 0.0


def test_ratio_compares_medians() -> None:
    """One outlier on either side does not move the ratio."""
    compared = Comparison([50, 51, 900], [100, 102, 1])
    assert (compared.ratio, str(compared)) == (0.51, "0.51 (51 / 100 a second)")


def test_own_process_is_measured() -> None:
    """This process has used some time and some memory, and so has its family."""
    look = usage({"self": os.getpid()})
    assert look.cpu["self"] >= cpu_seconds(os.getpid()) * 0.5 > 0
    assert look.pss["self"] >= pss_mib(os.getpid()) * 0.5 > 1


def test_families_do_not_overlap() -> None:
    """A part below another (as all are below the supervisor) is counted once, as itself."""
    below = {1: [2, 3], 2: [4], 3: [5]}
    assert family(1, below, frozenset({1, 2})) == [1, 3, 5]


def test_gone_process_counts_nothing() -> None:
    """A part that ended between two looks does not stop the bench."""
    gone = usage({"gone": 2**22 + 1})
    assert spent(gone, gone) == {"gone": 0.0}
