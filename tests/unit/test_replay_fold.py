"""One order, folded from rows of its journal."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from api.codec import text
from api.events import TYPES
from api.order import Status
from replay import fold, moment, show
from replay.errors import CannotLookError
from replay.journal import Row
from tests.support.many_orders import BEGIN, Version, journey

ID = "0199d2a0-0000-7000-8000-000000000001"


def rows_of(versions: Sequence[Version]) -> list[Row]:
    """As the journal would hold them."""
    return [Row(v.order.id, v.order.version, TYPES[type(v.fact)], v.at, text(v.fact), text(v.order)) for v in versions]


def rows(seed: int = 7) -> list[Row]:
    """The journal of one order that was delivered."""
    found = list(journey(ID, BEGIN, random.Random(seed)))
    assert found[-1].order.status is Status.DELIVERED
    return rows_of(found)


def test_each_document_comes_again() -> None:
    """Whatever way the order went."""
    for seed in range(200):
        versions = list(journey(ID, BEGIN, random.Random(seed)))
        assert [step.after for step in fold.steps(rows_of(versions))] == [v.order for v in versions]
        assert not [step.wrong for step in fold.steps(rows_of(versions)) if step.wrong]


def test_walks_reach_every_end() -> None:
    """The generator is worth something only when orders fail, too."""
    ends = {list(journey(ID, BEGIN, random.Random(seed)))[-1].order.status for seed in range(200)}
    assert ends == {Status.DELIVERED, Status.CANCELLED}


def test_version_cuts_the_story() -> None:
    """The order as it was when it had this version."""
    *_, last = fold.steps(fold.until(rows(), 2))
    assert (last.after.version, last.after.status) == (2, Status.PAID)


def test_time_cuts_before_the_first_later_fact() -> None:
    """A fact that is older than the one before it counts where it was read."""
    first, second, third, *_ = rows()
    late = third._replace(at=second.at - timedelta(seconds=1))
    assert list(fold.until([first, second, late], second.at)) == [first, second, late]
    assert list(fold.until([first, second, late], late.at)) == [first]


def test_changes_name_what_a_fact_changed() -> None:
    """From what to what, and nothing else."""
    step = list(fold.steps(rows()))[1]
    assert step.changes == {
        "version": (1, 2),
        "status": (Status.PLACED, Status.PAID),
        "since": (1, 2),
        "payment.status": ("PENDING", "COMPLETED"),
    }


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"payload": "{}"}, "makes another document"),
        ({"type": "order_ready", "data": "{}"}, "changes nothing"),
        ({"version": 3}, "was to come"),
        ({"data": "{"}, "version 2: payment_completed cannot be read: Input data was truncated"),
        ({"data": '{"attempt": "one"}'}, "cannot be read: Expected `int`"),
        ({"type": "moon_rose"}, "version 2: nobody knows a fact moon_rose"),
    ],
)
def test_other_rows_are_told(change: dict[str, Any], wrong: str) -> None:
    """A document that its fact does not make, a fact that makes none, a version that is missing, what is no fact."""
    first, second, *_ = rows()
    *_, last = fold.steps([first, second._replace(**change)])
    assert wrong in (last.wrong or "")
    assert wrong in show.changed(last).plain


def test_status_is_that_of_the_last_row() -> None:
    """And NONE before the order was placed."""
    assert fold.status(rows()) is Status.DELIVERED
    assert fold.status([]) is Status.NONE


def test_unreadable_row_has_no_status() -> None:
    """It is named: which order, which version."""
    first, second, *_ = rows()
    with pytest.raises(CannotLookError, match=f"Order {ID}, version 2: payment_completed cannot be read"):
        fold.status([first, second._replace(data="[]")])


def test_story_begins_with_what_can_be_read() -> None:
    """An order of which nothing can be read can be told, too."""
    first, *_ = rows()
    [step] = fold.steps([first._replace(data="[]")])
    assert (step.after.status, step.wrong is None) == (Status.NONE, False)
    assert show.told([step])["facts"][0]["wrong"] == step.wrong
    show.story([step])


def test_program_reads_the_same_story() -> None:
    """Each fact with what it changed, and the document."""
    told = show.told(list(fold.steps(rows())))
    assert told["order"].status is Status.DELIVERED
    assert told["facts"][1]["changed"]["status"] == {"from": Status.PLACED, "to": Status.PAID}


@pytest.mark.parametrize(
    ("said", "meant"),
    [("7", 7), ("2026-11-25T18:30:00Z", datetime(2026, 11, 25, 18, 30, tzinfo=UTC))],
)
def test_moment_is_a_version_or_a_time(said: str, meant: object) -> None:
    """As it is written."""
    assert moment.read(said) == meant


def test_moment_may_be_so_long_ago() -> None:
    """By this machine's clock."""
    found = moment.read("90s")
    assert isinstance(found, datetime)
    assert abs(datetime.now(UTC) - timedelta(seconds=90) - found) < timedelta(seconds=5)
    assert isinstance(local := moment.read("2026-11-25"), datetime) and local.tzinfo


def test_other_words_are_refused_with_what_is_meant() -> None:
    """One sentence."""
    with pytest.raises(CannotLookError, match="--until soon: it must be a version"):
        moment.read("soon")
