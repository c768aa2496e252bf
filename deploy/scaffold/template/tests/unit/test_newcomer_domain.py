"""The rules of newcomer, without any IO."""

from newcomer.domain import POINTS, Score, step
from newcomer.events import READS, OrderDelivered
from newcomer.handlers import fold
from tests.support.batches import received


def test_delivered_order_earns_points() -> None:
    """The good end of an order is worth something."""
    assert step(Score(), OrderDelivered()) == Score(POINTS)


def test_repeated_event_changes_nothing() -> None:
    """The second guard beside the inbox."""
    assert step(Score(POINTS), OrderDelivered()) == Score(POINTS)


def test_batch_changes_what_it_must() -> None:
    """An order that comes twice is one change; one that has its points already is none."""
    events = [received(order_id, OrderDelivered(), READS) for order_id in ("o1", "o1", "o2")]
    assert fold({"o2": Score(POINTS)}, events) == {"o1": Score(POINTS)}
