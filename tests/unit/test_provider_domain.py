"""What an intent can become, and that an answer holds all of it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provider import domain
from provider.cards import CARDS
from provider.domain import Intent, Status, intent_json, intent_of
from provider.errors import Refusal

NEW = Intent("pi_1", 1250, "eur", 1_700_000_000, {"order_id": "o1"})
PAID = domain.confirm(NEW, {"payment_method": "pm_card_visa"}, charge="ch_1")


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"currency": "eur"}, "parameter_missing"),
        ({"amount": "0", "currency": "eur"}, "parameter_invalid_integer"),
        ({"amount": "-5", "currency": "eur"}, "parameter_invalid_integer"),
        ({"amount": "1e3", "currency": "eur"}, "parameter_invalid_integer"),
        ({"amount": "9" * 30, "currency": "eur"}, "amount_too_large"),
        ({"amount": "5", "currency": "euro"}, None),
        ({"amount": "5", "currency": "eur", "amonut": "5"}, "parameter_unknown"),
        ({"amount": "5", "currency": "eur", "payment_method": "pm_nobody"}, "resource_missing"),
    ],
)
def test_bad_parameters_are_refused(params: dict[str, str], code: str | None) -> None:
    """A request that cannot be executed says which parameter, with Stripe's code, and leaves no outcome behind."""
    with pytest.raises(Refusal) as refused:
        domain.create(params, intent_id="pi_1", now=0)
    assert (refused.value.status, refused.value.body["error"].get("code"), refused.value.executed) == (400, code, False)


@pytest.mark.parametrize("card", [name for name, decline in CARDS.items() if decline is not None])
def test_declined_card_leaves_intent_open(card: str) -> None:
    """After a no, another method may be tried, and the intent says why."""
    declined = domain.confirm(NEW, {"payment_method": card}, charge="ch_1")
    assert declined.status is Status.NEEDS_METHOD
    assert declined.last_error is not None
    assert declined.last_error["decline_code"] == getattr(CARDS[card], "decline_code", "")


def test_second_card_can_succeed() -> None:
    """A declined intent is paid by the next card, and forgets the error."""
    declined = domain.confirm(NEW, {"payment_method": "pm_card_chargeDeclined"}, charge="ch_1")
    paid = domain.confirm(declined, {"payment_method": "pm_card_visa"}, charge="ch_2")
    assert (paid.status, paid.last_error, paid.charge) == (Status.SUCCEEDED, None, "ch_2")


@pytest.mark.parametrize("action", ["confirm", "cancel"])
@pytest.mark.parametrize("end", ["paid", "canceled"])
def test_ended_intent_refuses_and_shows_itself(action: str, end: str) -> None:
    """The error of a late request carries what the intent came to."""
    intent = PAID if end == "paid" else domain.cancel(NEW, {}, now=1)
    with pytest.raises(Refusal) as refused:
        if action == "confirm":
            domain.confirm(intent, {"payment_method": "pm_card_visa"}, charge="ch_2")
        else:
            domain.cancel(intent, {}, now=2)
    error = refused.value.body["error"]
    assert (error["code"], error["payment_intent"]) == ("payment_intent_unexpected_state", intent_json(intent))


def test_refund_gives_back_what_is_left() -> None:
    """Without an amount, all of it, once."""
    partly, first = domain.refund(PAID, {"payment_intent": "pi_1", "amount": "250"})
    fully, second = domain.refund(partly, {"payment_intent": "pi_1"})
    with pytest.raises(Refusal) as refused:
        domain.refund(fully, {"payment_intent": "pi_1"})
    assert (first, second, refused.value.body["error"]["code"]) == (250, 1000, "charge_already_refunded")


@pytest.mark.parametrize("intent", [NEW, domain.cancel(NEW, {}, now=1)])
def test_unpaid_intent_has_no_refund(intent: Intent) -> None:
    """There is no charge to give back."""
    with pytest.raises(Refusal, match="successful charge"):
        domain.refund(intent, {"payment_intent": "pi_1"})


CARD_NAMES = st.sampled_from(sorted(CARDS))
MOVES = st.lists(st.one_of(st.tuples(st.just("confirm"), CARD_NAMES), st.just(("cancel", "")), st.just(("refund", ""))))


def move(intent: Intent, what: str, card: str) -> Intent:
    """The intent after one request, the same when it was refused."""
    try:
        match what:
            case "confirm":
                return domain.confirm(intent, {"payment_method": card}, charge="ch")
            case "cancel":
                return domain.cancel(intent, {}, now=1)
        return domain.refund(intent, {"payment_intent": intent.id})[0]
    except Refusal:
        return intent


@settings(deadline=None)  # a busy machine is no failure
@given(MOVES)
def test_money_is_taken_and_given_once(moves: list[tuple[str, str]]) -> None:
    """Whatever is asked, in whatever order: at most one success, at most its amount back, and an end is an end."""
    intent, successes = NEW, 0
    for what, card in moves:
        after = move(intent, what, card)
        successes += intent.status is not Status.SUCCEEDED and after.status is Status.SUCCEEDED
        if intent.status in (Status.SUCCEEDED, Status.CANCELED):
            assert after.status is intent.status
        intent = after
    assert successes <= 1
    assert 0 <= intent.refunded <= intent.amount * successes


@settings(deadline=None)  # a busy machine is no failure
@given(MOVES)
def test_answer_holds_the_whole_intent(moves: list[tuple[str, str]]) -> None:
    """What the API shows is enough to rebuild the state: the log needs nothing else."""
    intent = NEW
    for what, card in moves:
        intent = move(intent, what, card)
    assert intent_of(intent_json(intent), intent.refunded) == intent
