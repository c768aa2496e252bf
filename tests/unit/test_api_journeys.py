"""The other ways an order can go: another card, a dish that has run out, a second courier, too early and too late."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from api import domain, events
from api.domain import (
    Cancel,
    Code,
    Deliver,
    MarkReady,
    Order,
    Paid,
    PickUp,
    Refused,
    ReportOutOfStock,
    RetryPayment,
    Status,
    check_repeated,
    check_stock,
    decide,
    evolve,
    replay,
    settled,
    waiting_for,
)
from tests.support.order_states import WISH, histories

DECLINED = (events.PaymentFailed(1, "generic_decline"),)
RETRY = RetryPayment("c-1", "pm_other")
WAY = (
    events.PaymentCompleted(1),
    events.DeliveryAssigned(1, "k-1"),
    events.OrderAccepted(),
    events.OrderReady(),
    events.OrderPickedUp("k-1"),
    events.OrderDelivered(),
)


def placed(*facts: events.Fact) -> Order:
    """An order, and what happened to it."""
    return replay("o-1", [*decide(Order("o-1"), WISH), *facts])


def order_at(status: Status) -> Order:
    """An order that went its way up to this status, or was cancelled by its customer."""
    if status is Status.CANCELLED:
        return placed(events.OrderCancelled(events.Reason.CUSTOMER))
    return placed(*WAY[: list(Status).index(status) - 1])


def refusal(order: Order, command: domain.Command) -> Refused:
    """Why the rules say no."""
    with pytest.raises(Refused) as refused:
        decide(order, command)
    return refused.value


# -- another card ------------------------------------------------------------------------------------------------------


def test_another_card_is_asked() -> None:
    """A declined order is pending again, with the next attempt and without the old reason."""
    order = placed(*DECLINED)
    assert decide(order, RETRY) == [events.PaymentRetryRequested(2, "pm_other")]
    after = evolve(order, events.PaymentRetryRequested(2, "pm_other"))
    assert (after.version, after.payment.status, after.payment.attempt, after.payment.failure) == (
        3,
        "PENDING",
        2,
        None,
    )


def test_another_card_pays() -> None:
    """The order goes on as if the first one had paid."""
    order = placed(*DECLINED, events.PaymentRetryRequested(2, "pm"), events.PaymentCompleted(2))
    assert (order.status, order.payment.status, order.payment.attempt) == (Status.PAID, Paid.COMPLETED, 2)


def test_retries_share_one_allowance() -> None:
    """However often she tries, the wait began with the first decline, and ends with its reason."""
    order = placed(*DECLINED)
    for attempt in range(2, 6):
        order = evolve(order, events.PaymentRetryRequested(attempt, "pm"))
        assert (waiting_for(order), order.since) == (events.Reason.PAYMENT_FAILED, 2)
        order = evolve(order, events.PaymentFailed(attempt, "insufficient_funds"))
        assert (waiting_for(order), order.since) == (events.Reason.PAYMENT_FAILED, 2)
    assert decide(order, events.DeadlinePassed(2)) == [events.OrderCancelled(events.Reason.PAYMENT_FAILED)]


def test_decline_of_the_card_before_is_ignored() -> None:
    """While the second card is asked, the first one's answer changes nothing."""
    order = placed(*DECLINED, events.PaymentRetryRequested(2, "pm"))
    assert evolve(order, DECLINED[0]) is order


@pytest.mark.parametrize("attempt", [None, 2])
def test_pending_card_is_waited_for(attempt: int | None) -> None:
    """One card at a time; asked again with the number of the attempt that is made, it is done already."""
    order = placed(*DECLINED, events.PaymentRetryRequested(2, "pm"))
    if attempt:
        assert decide(order, replace(RETRY, attempt=attempt)) == []
    else:
        assert refusal(order, RETRY).code is Code.NOT_YET


@pytest.mark.parametrize(
    "facts",
    [
        (events.PaymentFailed(2, "expired_card"),),
        (events.PaymentCompleted(2),),
        (events.OrderCancelled(events.Reason.CUSTOMER),),
    ],
)
def test_repeated_retry_is_harmless(facts: tuple[events.Fact, ...]) -> None:
    """Whatever came of the attempt whose answer was lost, asking for it again makes no second one."""
    order = placed(*DECLINED, events.PaymentRetryRequested(2, "pm"), *facts)
    assert decide(order, replace(RETRY, attempt=2)) == []


def test_repeated_attempt_is_of_one_card() -> None:
    """Another card is not charged by a number that was made; what nobody knows is not held against the customer."""
    again = replace(RETRY, attempt=2)
    check_repeated(again, RETRY.payment_method)
    check_repeated(again, None)
    with pytest.raises(Refused) as refused:
        check_repeated(again, "pm_first")
    assert (refused.value.code, refused.value.field) == (Code.ATTEMPT_REUSED, "attempt")


@pytest.mark.parametrize("attempt", [1, 0, -1, 3])
def test_wrong_attempt_is_refused(attempt: int) -> None:
    """The first attempt was the order's own card, and none is left out; the refusal names the right number."""
    said = refusal(placed(*DECLINED), replace(RETRY, attempt=attempt))
    assert (said.code, said.field, said.message) == (Code.INVALID_INPUT, "attempt", "The next attempt is 2.")


def test_strange_method_is_refused() -> None:
    """As it is when the order is placed."""
    said = refusal(placed(*DECLINED), replace(RETRY, payment_method="pm\n"))
    assert (said.code, said.field) == (Code.INVALID_INPUT, "paymentMethod")


def test_first_card_is_waited_for() -> None:
    """Before any answer there is nothing to retry."""
    assert refusal(placed(), RETRY).code is Code.NOT_YET


def test_cancel_while_a_card_is_asked() -> None:
    """Money that comes in behind the cancel is on its way back."""
    order = placed(*DECLINED, events.PaymentRetryRequested(2, "pm"), *decide(placed(), Cancel("c-1")))
    assert (order.status, order.payment.status) == (Status.CANCELLED, Paid.PENDING)
    assert evolve(order, events.PaymentCompleted(2)).payment.status is Paid.REFUNDING
    assert evolve(order, events.PaymentReleased()).payment.status is Paid.RELEASED


# -- what has run out --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [Status.PAID, Status.COURIER_ASSIGNED, Status.ACCEPTED])
def test_kitchen_s_report_ends_the_order(status: Status) -> None:
    """Both facts, in this order; only the end makes a version."""
    facts = decide(order_at(status), ReportOutOfStock("r-1", ("tea", "soba", "tea")))
    assert facts == [
        events.ItemsOutOfStock((events.Missing("soba", 0), events.Missing("tea", 0))),
        events.OrderCancelled(events.Reason.OUT_OF_STOCK),
    ]
    (made,) = domain.advance(order_at(status), facts)
    assert made[1].payment.status is Paid.REFUNDING


@pytest.mark.parametrize("items", [(), ("udon",), ("soba", "udon"), ("",)])
def test_report_names_items_of_the_order(items: tuple[str, ...]) -> None:
    """Stock of what was not ordered is not this order's matter."""
    said = refusal(order_at(Status.PAID), ReportOutOfStock("r-1", items))
    assert (said.code, said.field) == (Code.INVALID_INPUT, "items")


def test_stranger_s_report_finds_no_order() -> None:
    """Another restaurant's order and no order look the same, whatever is reported."""
    said = refusal(order_at(Status.PAID), ReportOutOfStock("r-2", ("udon",)))
    assert (said.code, said.message) == (Code.ORDER_NOT_FOUND, refusal(Order("o-2"), Cancel("c-1")).message)


@pytest.mark.parametrize("quantity", [-1, domain.MAX_STOCK + 1])
def test_strange_count_is_refused(quantity: int) -> None:
    """The bounds are told, and the field."""
    with pytest.raises(Refused) as refused:
        check_stock("soba", quantity)
    assert (refused.value.code, refused.value.field) == (Code.INVALID_INPUT, "quantity")


@pytest.mark.parametrize("quantity", [0, domain.MAX_STOCK])
def test_right_count_passes(quantity: int) -> None:
    """The bounds themselves are allowed."""
    check_stock("soba", quantity)


@pytest.mark.parametrize("item", ["\0", "so\nba", "\ud800"])
def test_strange_item_is_on_no_menu(item: str) -> None:
    """The database is not asked about what it cannot even store."""
    with pytest.raises(Refused) as refused:
        check_stock(item, 1)
    assert (refused.value.code, refused.value.field) == (Code.ITEM_NOT_FOUND, "itemId")


# -- too early, too late -----------------------------------------------------------------------------------------------

REPORT = ReportOutOfStock("r-1", ("tea",))
TOLD: Mapping[tuple[Status, domain.Command], tuple[Code, str]] = {
    (Status.PICKED_UP, Cancel("c-1")): (
        Code.TOO_LATE,
        "The courier has picked the order up: it cannot be cancelled any more.",
    ),
    (Status.CANCELLED, Cancel("c-1")): (
        Code.TOO_LATE,
        "The customer has cancelled the order: it cannot be cancelled any more.",
    ),
    (Status.PAID, RETRY): (Code.TOO_LATE, "The order has no courier yet: there is nothing to pay any more."),
    (Status.PLACED, REPORT): (Code.NOT_YET, "The order is not paid yet: report it once it is paid."),
    (Status.READY, REPORT): (Code.TOO_LATE, "The dish is ready: it is too late to report what has run out."),
    (Status.COURIER_ASSIGNED, MarkReady("r-1")): (
        Code.NOT_YET,
        "The restaurant has not accepted the order yet: mark it ready once it is accepted.",
    ),
    (Status.ACCEPTED, PickUp("k-1")): (Code.NOT_YET, "The dish is not ready yet: pick it up once it is ready."),
    (Status.READY, Deliver("k-1")): (Code.NOT_YET, "The dish is ready: pick it up first."),
    (Status.DELIVERED, Deliver("k-1")): (
        Code.TOO_LATE,
        "The order has been delivered: there is nothing to deliver any more.",
    ),
}


@pytest.mark.parametrize(("status", "command"), TOLD)
def test_refusal_says_what_to_do(status: Status, command: domain.Command) -> None:
    """Where the order stands, and what follows from it."""
    said = refusal(order_at(status), command)
    assert (said.code, said.message) == TOLD[status, command]


@pytest.mark.parametrize("reason", list(events.Reason))
def test_loser_is_told_the_end_s_reason(reason: events.Reason) -> None:
    """Who comes too late for a cancelled order learns why it was cancelled."""
    order = placed(*WAY[:4], events.OrderCancelled(reason))
    words = "customer has cancelled" if reason is events.Reason.CUSTOMER else reason.replace("_", " ")
    said = refusal(order, PickUp("k-1"))
    assert said.code is Code.TOO_LATE and words in said.message


def test_former_courier_is_refused() -> None:
    """After the second assignment the order is the second courier's."""
    order = placed(*WAY[:4], events.DeliveryAssigned(2, "k-2"))
    assert (order.courier_id, refusal(order, PickUp("k-1")).code) == ("k-2", Code.NOT_YOURS)
    assert decide(order, PickUp("k-2")) == [events.OrderPickedUp("k-2")]


def test_refund_s_refusal_is_kept() -> None:
    """Support finds the provider's reason on the order."""
    order = placed(*WAY[:1], events.OrderCancelled(events.Reason.NO_COURIER), events.RefundFailed("charge_disputed"))
    assert (order.payment.status, order.payment.failure) == (Paid.REFUND_FAILED, "charge_disputed")


def test_every_state_ends_or_can() -> None:
    """No state hangs: it is an end, or its wait has an allowance, and its deadline ends it."""
    for history in histories():
        order = history[-1][1]
        reason = waiting_for(order)
        assert (reason is None) == (order.status in {Status.DELIVERED, Status.CANCELLED})
        if reason:
            assert domain.ALLOWANCES[reason] > 0
            assert decide(order, events.DeadlinePassed(order.since)) == [events.OrderCancelled(reason)]


def test_every_cancelled_state_settles() -> None:
    """Whatever money was where when the order ended, each of payment's three answers is an end of it."""
    for history in histories():
        order = history[-1][1]
        if order.status is Status.CANCELLED and not settled(order):
            for answer in (events.PaymentRefunded(1, "EUR"), events.PaymentReleased(), events.RefundFailed("no")):
                assert settled(evolve(order, answer))
