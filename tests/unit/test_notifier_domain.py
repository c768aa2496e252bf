"""The rules of notifier: whose order it is, when it is over, what to do with a version."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.domain import Principal, Role, Verdict, judge, may_see, settled
from notifier.events import Order, Payment
from tests.support.push import new_order_id, story

ORDER: Order = story(new_order_id())[-1].version.order


@pytest.mark.parametrize(
    ("principal", "sees"),
    [
        (Principal("ada", Role.CUSTOMER), True),
        (Principal("sobaya", Role.RESTAURANT), True),
        (Principal("courier-1", Role.COURIER), True),
        (Principal("anybody", Role.SUPPORT), True),
        (Principal("eve", Role.CUSTOMER), False),
        (Principal("ada", Role.COURIER), False),
        (Principal("sobaya", Role.CUSTOMER), False),
        (Principal("courier-1", Role.RESTAURANT), False),
    ],
)
def test_only_parties_see_it(principal: Principal, sees: bool) -> None:
    """An id counts in its own role."""
    assert may_see(principal, ORDER) is sees


def test_nobody_carries_an_unassigned_order() -> None:
    """No courier is not everybody's courier."""
    unassigned = replace(ORDER, courier_id=None)
    assert not any(may_see(Principal(id_, Role.COURIER), unassigned) for id_ in ("", "None", "courier-1"))


@pytest.mark.parametrize(
    ("status", "payment", "over"),
    [
        ("DELIVERED", "COMPLETED", True),
        ("CANCELLED", "REFUNDED", True),
        ("CANCELLED", "RELEASED", True),
        ("CANCELLED", "REFUND_FAILED", True),
        ("CANCELLED", "REFUNDING", False),
        ("CANCELLED", "PENDING", False),
        ("PICKED_UP", "COMPLETED", False),
        ("PLACED", "FAILED", False),
    ],
)
def test_settled_is_the_end(status: str, payment: str, over: bool) -> None:
    """Delivered, or cancelled with the money's fate decided."""
    assert settled(replace(ORDER, status=status, payment=Payment(payment, 1))) is over


@given(st.lists(st.integers(1, 10)), st.integers(0, 5))
def test_sent_versions_are_gapless(arrivals: list[int], after: int) -> None:
    """Whatever arrives, what is sent goes on from the cursor one by one."""
    last, sent = after, []
    for version in arrivals:
        if judge(last, version) is Verdict.SEND:
            last = version
            sent.append(version)
    assert sent == list(range(after + 1, after + 1 + len(sent)))
