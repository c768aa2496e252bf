"""From what the experiments saw to their figures, and what counts as a broken promise."""

import json
from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from trouble.poison import Parked
from trouble.provider import Compared, Outage
from trouble.report import Result, figures, tables
from trouble.verdict import beyond, faults

OUTAGE = Outage(rate=20.0, seconds=60.0, orders=1800, lost=0, calls=36, paid=4.0, gone=12.34)
COMPARED = Compared(without=[100.0] * 99 + [200.0] * 2, beside=[100.0] * 99 + [300.0] * 2, hit=3)
PARKED = Parked(40.0, 4, {"api": 3, "delivery": 1}, {"api": 3, "delivery": 1}, 0)
WHOLE = Result(OUTAGE, COMPARED, (COMPARED, PARKED), [])


def test_figures_name_every_experiment() -> None:
    """One JSON object, with what was aimed at."""
    said = json.loads(json.dumps(figures(WHOLE)))
    assert said["unavailable"] == {
        "orders": 1800,
        "lost": 0,
        "seconds": 60.0,
        "calls_per_s": 0.6,
        "backlog_paid_s": 4.0,
        "backlog_gone_s": 12.3,
    }
    assert (said["hanging"]["p99_ratio"], said["hanging"]["hit"]) == (1.5, 3)
    assert (said["poison"]["heads"], said["poison"]["parked_after"]) == ({"api": 3, "delivery": 1}, 0)


def test_what_was_not_tried_is_not_told() -> None:
    """A run of one experiment says nothing about the others."""
    assert set(figures(Result(None, COMPARED, None, []))) == {"hanging", "violations"}


def test_tables_can_be_printed() -> None:
    """A person sees all three."""
    out = StringIO()
    Console(file=out, width=120).print(tables(WHOLE))
    assert all(word in out.getvalue() for word in ("503 for 60 s", "1.50", "still parked in the end"))


@pytest.mark.parametrize(
    ("heads", "left", "found"),
    [
        ({"api": 3, "delivery": 1}, 0, 0),
        ({"api": 2, "delivery": 1}, 0, 1),
        ({"api": 3}, 0, 1),
        ({"api": 3, "delivery": 1, "payment": 1}, 0, 1),
        ({"api": 3, "delivery": 1}, 5, 1),
    ],
)
def test_poison_that_went_astray_is_found(heads: dict[str, int], left: int, found: int) -> None:
    """Too few heads, heads of a stranger, and events that stay parked."""
    assert len(faults(Parked(40.0, 4, heads, {"api": 3, "delivery": 1}, left))) == found


NOTHING = Compared(without=[100.0], beside=[], hit=3)


def test_nothing_delivered_is_no_figure() -> None:
    """0 would be the best one."""
    none = Result(replace(OUTAGE, paid=None, gone=None), NOTHING, None, [])
    said = json.loads(json.dumps(figures(none)))
    assert (said["unavailable"]["backlog_paid_s"], said["unavailable"]["backlog_gone_s"]) == (None, None)
    assert (said["hanging"]["beside_p99_ms"], said["hanging"]["p99_ratio"]) == (None, None)
    out = StringIO()
    Console(file=out, width=120).print(tables(none))
    assert "never, never" in out.getvalue()


def test_figures_within_their_limits_are_silent() -> None:
    """Up to the limit itself."""
    most = Compared(without=[100.0], beside=[200.0], hit=1)
    assert beyond(Result(replace(OUTAGE, gone=30.0), most, (most, PARKED), [])) == []
    assert beyond(Result(None, None, None, [])) == []


@pytest.mark.parametrize(
    ("result", "sentence"),
    [
        (Result(replace(OUTAGE, gone=30.4), None, None, []), "gone after 30.4 s; the limit is 30 s"),
        (Result(replace(OUTAGE, gone=None), None, None, []), "no order from the time of the outage was delivered"),
        (Result(replace(OUTAGE, calls=0), None, None, []), "refused no call"),
        (Result(None, replace(COMPARED, beside=[402.0]), None, []), "hang: p99 of place → delivered was 2.01 times"),
        (Result(None, replace(COMPARED, hit=0), None, []), "hang: no order was hit"),
        (Result(None, NOTHING, None, []), "hang: nothing can be compared"),
        (Result(None, None, (replace(COMPARED, beside=[900.0]), PARKED), []), "poison: p99 of place"),
    ],
)
def test_figure_past_its_limit_is_told(result: Result, sentence: str) -> None:
    """With both numbers; and so is one for which nothing happened."""
    [told] = beyond(result)
    assert sentence in told
