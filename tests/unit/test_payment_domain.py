"""The rules of one payment, first by example, then against a provider that answers late, twice or never."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from payment.domain import (
    EARLIER_MAX,
    Answer,
    Call,
    Cancel,
    Canceled,
    Confirm,
    Create,
    Created,
    Declined,
    End,
    NotCanceled,
    NotRefunded,
    Payment,
    Refund,
    Refunded,
    Settled,
    Succeeded,
    answer,
    call,
    fold,
    is_own,
)
from payment.events import (
    OrderDelivered,
    Outgoing,
    PaymentCompleted,
    PaymentFailed,
    PaymentRefunded,
    PaymentReleased,
    PaymentRetryRequested,
    RefundFailed,
)
from tests.support.payment_world import CANCELLED, CREATED, Step, World

ASKED = Payment(wanted=1, card="pm_card_visa", amount=1250, currency="EUR")
KNOWN = replace(ASKED, intent="pi_1")
PAID = replace(KNOWN, captured=True, answered=1)
REFUSED = replace(KNOWN, answered=1)
SECOND = PaymentRetryRequested(2, "pm_card_amex")


def test_new_order_asks_for_intent() -> None:
    """A created order wants an unconfirmed intent over its total."""
    payment, events = fold(Payment(), CREATED)
    assert (payment, call(payment), events) == (ASKED, Create(1250, "EUR"), [])


def test_only_committed_intent_is_confirmed() -> None:
    """The confirm is derived from the state that holds the id, never from the answer that brought it."""
    payment, events = answer(ASKED, Create(1250, "EUR"), Created("pi_1"))
    assert (call(payment), events) == (Confirm("pi_1", 1, "pm_card_visa"), [])


def test_capture_completes_the_payment() -> None:
    """A yes is a fact, and nothing is left to ask."""
    payment, events = answer(KNOWN, Confirm("pi_1", 1, "pm_card_visa"), Succeeded())
    assert (payment, call(payment), events) == (PAID, None, [PaymentCompleted(1)])


def test_yes_is_told_once() -> None:
    """Money that is here already is no news."""
    assert answer(PAID, Confirm("pi_1", 1, "pm_card_visa"), Succeeded()) == (PAID, [])


def test_decline_fails_the_attempt() -> None:
    """An explicit no is a fact with the bank's reason, and nothing is asked until the customer tries again."""
    payment, events = answer(KNOWN, Confirm("pi_1", 1, "pm_card_visa"), Declined("insufficient_funds"))
    assert (call(payment), events) == (None, [PaymentFailed(1, "insufficient_funds")])


def test_cancel_before_creation_is_remembered() -> None:
    """An order that ended before it was seen is settled at once, and its late creation starts nothing."""
    closed, first = fold(Payment(), CANCELLED)
    payment, second = fold(closed, CREATED)
    assert (first, second, call(payment)) == ([PaymentReleased()], [], None)


def test_cancel_of_intent_asks_the_provider() -> None:
    """With an id at the provider only the provider can say whether there is money."""
    payment, events = fold(KNOWN, CANCELLED)
    assert (call(payment), events) == (Cancel("pi_1"), [])


def test_cancel_that_wins_releases() -> None:
    """The intent was closed before it was paid."""
    payment, events = answer(replace(KNOWN, end=End.CANCELLED), Cancel("pi_1"), Canceled())
    assert (payment.settled, events) == (Settled.RELEASED, [PaymentReleased()])


def test_cancel_that_loses_refunds() -> None:
    """A cancel answered with "succeeded" says nothing to others, and asks for the money back."""
    payment, events = answer(replace(KNOWN, end=End.CANCELLED), Cancel("pi_1"), Succeeded())
    assert (call(payment), events) == (Refund("pi_1"), [])


@pytest.mark.parametrize(
    ("said", "settled", "fact"),
    [
        (Refunded(), Settled.REFUNDED, PaymentRefunded(1250, "EUR")),
        (NotRefunded("expired"), Settled.REFUND_FAILED, RefundFailed("expired")),
    ],
)
def test_refund_settles_the_order(said: Answer, settled: Settled, fact: Outgoing) -> None:
    """What was captured for a cancelled order ends in one fact, also when the provider refuses."""
    payment, events = answer(replace(PAID, end=End.CANCELLED), Refund("pi_1"), said)
    assert (payment.settled, call(payment), events) == (settled, None, [fact])


def test_cancel_of_nothing_is_left_to_a_person() -> None:
    """The provider knows no such intent: the order is settled, and what became of the money is looked at by hand."""
    payment, events = answer(replace(KNOWN, end=End.CANCELLED), Cancel("pi_1"), NotCanceled("resource_missing"))
    assert (payment.settled, call(payment)) == (Settled.REFUND_FAILED, None)
    assert events == [RefundFailed("resource_missing")]


def test_decline_of_ended_order_is_silent() -> None:
    """A failure nobody waits for is no fact; the intent is closed instead."""
    payment, events = answer(replace(KNOWN, end=End.CANCELLED), Confirm("pi_1", 1, "pm_card_visa"), Declined("no"))
    assert (call(payment), events) == (Cancel("pi_1"), [])


def test_delivered_order_keeps_the_money() -> None:
    """A delivered order asks for nothing, and a cancel behind it is not heard."""
    payment, _ = fold(PAID, OrderDelivered())
    later, events = fold(payment, CANCELLED)
    assert (later, call(later), events) == (payment, None, [])


def test_retry_confirms_the_same_intent() -> None:
    """The customer's other card is asked for the money of the order's one intent."""
    payment, events = fold(REFUSED, SECOND)
    assert (call(payment), events) == (Confirm("pi_1", 2, "pm_card_amex", ("pm_card_visa",)), [])


def test_retry_completes_its_own_attempt() -> None:
    """The fact names the attempt that was answered."""
    payment, _ = fold(REFUSED, SECOND)
    asked = call(payment)
    assert isinstance(asked, Confirm)
    assert answer(payment, asked, Succeeded())[1] == [PaymentCompleted(2)]
    assert answer(payment, asked, Declined("lost_card"))[1] == [PaymentFailed(2, "lost_card")]


@pytest.mark.parametrize("attempt", [1, 3, 7])
def test_attempt_out_of_turn_changes_nothing(attempt: int) -> None:
    """Late, repeated or skipped: only the next attempt is one."""
    assert fold(REFUSED, PaymentRetryRequested(attempt, "pm_card_amex")) == (REFUSED, [])


@pytest.mark.parametrize(
    "payment",
    [
        Payment(),
        PAID,
        replace(REFUSED, end=End.CANCELLED),
        replace(PAID, end=End.DELIVERED),
        replace(KNOWN, end=End.CANCELLED, settled=Settled.RELEASED),
    ],
    ids=["unseen", "paid", "cancelled", "delivered", "settled"],
)
def test_retry_that_is_too_late_changes_nothing(payment: Payment) -> None:
    """An order that was never seen, is paid, or has ended, is not paid with another card."""
    assert fold(payment, SECOND) == (payment, [])


def test_decline_of_the_attempt_before_is_not_heard() -> None:
    """A no to the first card that comes after the retry says nothing about the second."""
    payment, _ = fold(KNOWN, SECOND)
    assert answer(payment, Confirm("pi_1", 1, "pm_card_visa"), Declined("no")) == (payment, [])


@pytest.mark.parametrize(
    ("asked", "shown", "own"),
    [
        (Confirm("pi_1", 1, "a"), "a", True),
        (Confirm("pi_1", 1, "a"), None, True),  # nothing else was ever asked, whatever the provider calls the card
        (Confirm("pi_1", 2, "b", ("a",)), "b", True),
        (Confirm("pi_1", 2, "b", ("a",)), "a", False),
        (Confirm("pi_1", 2, "b", ("a",)), None, False),
        (Confirm("pi_1", 2, "a", ("a",)), "a", False),
        (Confirm("pi_1", 3, "a", ("a", "b")), "a", False),
        (Confirm("pi_1", 3, "c", ("a",)), "c", False),  # a card before it is not remembered
    ],
)
def test_decline_on_show_has_one_owner(asked: Confirm, shown: str | None, own: bool) -> None:
    """The last decline at the intent is an attempt's own only where no attempt before can have caused it."""
    assert is_own(asked, shown) is own


def test_many_attempts_are_not_all_remembered() -> None:
    """A row stays small; behind so many attempts the bank is asked again instead of being believed."""
    payment = REFUSED
    for attempt in range(2, EARLIER_MAX + 3):
        payment, _ = fold(replace(payment, answered=attempt - 1), PaymentRetryRequested(attempt, f"pm_{attempt}"))
    asked = call(payment)
    assert isinstance(asked, Confirm)
    assert (len(asked.earlier), asked.attempt, is_own(asked, asked.card)) == (EARLIER_MAX, EARLIER_MAX + 2, False)


NOES: list[Answer] = [Declined("no"), NotCanceled("no"), NotRefunded("no")]
SAID: list[Answer] = [Created("pi_9"), Succeeded(), Canceled(), Refunded(), *NOES]


@settings(deadline=None)  # a busy machine is no failure
@given(
    payment=st.builds(
        Payment,
        wanted=st.integers(0, 2),
        card=st.sampled_from([None, "pm"]),
        intent=st.sampled_from([None, "pi_1"]),
        captured=st.booleans(),
        end=st.sampled_from([None, *End]),
        settled=st.sampled_from([None, *Settled]),
    ),
    asked=st.sampled_from([Create(1, "EUR"), Confirm("pi_1", 1, "pm"), Cancel("pi_1"), Refund("pi_1")]),
    said=st.sampled_from(SAID),
)
def test_settled_payment_never_changes(payment: Payment, asked: Call, said: Answer) -> None:
    """Whatever is said after the end, nothing is asked, told or changed."""
    if payment.settled is not None:
        assert (answer(payment, asked, said), call(payment)) == ((payment, []), None)


KINDS = ("created", "cancelled", "delivered", "retry", "ask", "ask", "act", "act", "act", "hear", "hear", "lose")
STEPS = st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 3), st.booleans()), max_size=40)
DECLINED: list[Step] = [  # the first card, by the second of two workers; the first one's confirm is still on its way
    ("created", 0, True),
    *[("ask", 0, True), ("act", 0, True), ("hear", 0, True)],
    *[("ask", 0, True), ("ask", 0, True), ("act", 1, True), ("act", 1, False), ("hear", 1, True)],
]
LOST: list[Step] = [("ask", 0, True), ("lose", 1, True)]  # the retry's confirm never arrives
OTHER, SAME = [("retry", 1, True)], [("retry", 1, False)]
THOROUGH = settings(deadline=None, max_examples=500)  # a busy machine is no failure
RACES = [DECLINED + retry + lost for retry in (OTHER, SAME) for lost in ([], LOST)]
BEGINNINGS = st.sampled_from([[], *RACES])


def after(beginning: list[Step], steps: list[Step]) -> World:
    """The world behind these steps, healed: every call is answered, until nothing is left to ask."""
    world = World()
    for step in [*beginning, *steps]:
        world.take(step)
    world.heal()
    return world


@settings(THOROUGH)
@given(BEGINNINGS, STEPS)
def test_cancelled_order_settles_exactly_once(beginning: list[Step], steps: list[Step]) -> None:
    """Answers that come late, twice or never: one settling fact, and it is the true one."""
    world = after(beginning, steps)
    settling = [e for e in world.told if isinstance(e, PaymentReleased | PaymentRefunded | RefundFailed)]
    if world.payment.end is End.CANCELLED:
        truth = {"back": PaymentRefunded, "kept": RefundFailed}.get(world.intent.status, PaymentReleased)
        assert ([type(fact) for fact in settling], call(world.payment)) == ([truth], None)
    else:
        assert settling == []


@settings(THOROUGH)
@given(BEGINNINGS, STEPS)
def test_money_moves_at_most_once(beginning: list[Step], steps: list[Step]) -> None:
    """One capture at most, whatever the cards; none stays on a cancelled order; "completed" is said once, truly."""
    world = after(beginning, steps)
    completed = [e for e in world.told if isinstance(e, PaymentCompleted)]
    assert world.intent.captures <= 1
    assert len(completed) <= world.intent.captures
    if world.payment.end is End.CANCELLED:
        assert world.intent.status != "paid"
    elif world.intent.captures:
        assert len(completed) == 1


@settings(THOROUGH)
@given(BEGINNINGS, STEPS)
def test_told_decline_was_the_banks(beginning: list[Step], steps: list[Step]) -> None:
    """Each attempt is declined at most once, by the bank's no to its own card since it was asked for."""
    world = after(beginning, steps)
    declined = [e.attempt for e in world.told if isinstance(e, PaymentFailed) and e.reason == "no"]
    cards = [*world.payment.earlier, world.payment.card]
    assert len(declined) == len(set(declined))
    assert all(cards[attempt - 1] in world.intent.refused[world.begun[attempt] :] for attempt in declined)


@settings(THOROUGH)
@given(BEGINNINGS, STEPS)
def test_every_wait_has_a_call(beginning: list[Step], steps: list[Step]) -> None:
    """An order that was created, has not ended, and was told neither yes nor no still has something to ask."""
    world = World()
    for step in [*beginning, *steps]:
        world.take(step)
        waiting = world.payment.wanted > world.payment.answered and world.payment.end is None
        assert waiting <= (call(world.payment) is not None)
