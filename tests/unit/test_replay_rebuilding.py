"""The read model made anew, and compared."""

import random
from collections.abc import Iterator, Sequence

from api.order import OPEN, Order
from chassis.envelope import new_id
from replay import rebuilding, show
from replay.journal import Row, Stored
from replay.rebuilding import Outcome
from tests.support.many_orders import BEGIN, journey
from tests.unit.test_replay_fold import rows_of

Journals = list[tuple[str, list[Row]]]


def town(orders: int = 5) -> tuple[Journals, list[Stored]]:
    """Journals by id, and the rows that api stored."""
    dice = random.Random(1)
    journeys = [list(journey(str(new_id()), BEGIN, dice)) for _ in range(orders)]
    ends = [versions[-1].order for versions in journeys]
    return [(end.id, rows_of(v)) for end, v in zip(ends, journeys, strict=True)], [stored(end) for end in ends]


def stored(order: Order) -> Stored:
    """As api's writers keep it."""
    made = rebuilding.row_of(order)
    assert made.open == (order.status in OPEN)
    return made


def judged(journals: Journals, rows: Sequence[Stored]) -> Outcome:
    """What a rebuild says of these."""
    outcome = Outcome()
    return rebuilding.compare(rebuilding.rebuilt(journals, outcome), rows, outcome, lambda _: None)


def test_same_facts_make_the_same_rows() -> None:
    """Nothing differs, and everything was counted."""
    journals, rows = town()
    found = judged(journals, rows)
    assert (found.orders, found.different) == (5, 0)
    assert found.versions == sum(len(versions) for _, versions in journals)


def test_changed_byte_is_found_and_placed() -> None:
    """In the read model."""
    journals, rows = town()
    rows[2] = rows[2]._replace(document=rows[2].document.replace("sobaya", "Sobaya", 1))
    found = judged(journals, rows)
    at = rows[2].document.index("Sobaya")
    assert [(d.order_id, d.what) for d in found.differences] == [
        (rows[2].id, f"stored otherwise: document from byte {at}")
    ]


def test_changed_column_is_found() -> None:
    """What statements look for must be what the document says."""
    journals, rows = town()
    rows[0] = rows[0]._replace(courier_id="somebody")
    assert "courier_id" in judged(journals, rows).differences[0].what


def test_changed_payload_is_found() -> None:
    """In the middle of a journal, where the last document is right again."""
    journals, rows = town()
    journals[1][1][1] = journals[1][1][1]._replace(payload="{}")
    (difference,) = judged(journals, rows).differences
    assert difference.order_id == rows[1].id
    assert "version 2" in difference.what


def test_unreadable_fact_is_a_difference() -> None:
    """Of its order alone: the others are compared."""
    journals, rows = town()
    journals[1][1][1] = journals[1][1][1]._replace(data="[]")
    found = judged(journals, rows)
    (difference,) = found.differences
    assert (difference.order_id, found.orders) == (rows[1].id, 5)
    assert "version 2" in difference.what and "cannot be read" in difference.what


def test_missing_order_is_found_on_either_side() -> None:
    """Also the first and the last."""
    journals, rows = town()
    for n in (0, 2, 4):
        assert judged(journals[:n] + journals[n + 1 :], rows).differences[0].what == "is stored, and has no journal"
        assert judged(journals, rows[:n] + rows[n + 1 :]).differences[0].what == "has a journal, and is not stored"


def test_order_is_counted_once() -> None:
    """Also when both its journal and its row differ."""
    journals, rows = town(1)
    journals[0][1][1] = journals[0][1][1]._replace(payload="{}")
    found = judged(journals, [rows[0]._replace(version=99)])
    assert found.different == 1


def test_rows_are_read_one_by_one() -> None:
    """Memory holds one order, whatever there is."""
    journals, rows = town(3)
    read: list[str] = []

    def lazily() -> Iterator[Stored]:
        for row in rows:
            read.append(row.id)
            yield row

    outcome = Outcome()
    rebuilding.compare(rebuilding.rebuilt(journals, outcome), lazily(), outcome, lambda done: read.append(str(done)))
    assert read == [rows[0].id, "1", rows[1].id, "2", rows[2].id, "3"]


def test_busiest_minute_is_the_live_rate() -> None:
    """Orders placed, by the journal's own times."""
    journals, rows = town(30)
    found = judged(journals, rows)
    assert found.live_rate == 30 / 60
    assert show.figures(found, 0.05, found.live_rate)["times_live"] == 1200.0
    assert Outcome().live_rate == 0
