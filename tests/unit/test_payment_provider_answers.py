"""What counts as the provider's answer, on canned responses: everything that says nothing about the money is none."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
import stripe

from payment.domain import (
    Answer,
    Call,
    Cancel,
    Canceled,
    Confirm,
    Create,
    Created,
    Declined,
    NotCanceled,
    NotRefunded,
    Refund,
    Refunded,
    Succeeded,
)
from payment.provider import BAD_CARD, INTENT_CANCELED, Provider, Unanswered

CREATE = Create(1250, "EUR")
CONFIRM = Confirm("pi_1", 1, "pm_card_visa")
SECOND = Confirm("pi_1", 2, "pm_card_amex", ("pm_card_visa",))
CANCEL = Cancel("pi_1")
REFUND = Refund("pi_1")

Response = tuple[int, dict[str, Any]]
REPLAYED = {"idempotent-replayed": "true"}


class Canned(stripe.HTTPClient):
    """Gives the responses in turn, and remembers what was asked."""

    name = "canned"

    def __init__(self, *responses: Response | Exception, replayed: Sequence[str] = ()) -> None:
        """`replayed`: the idempotency keys whose answers are an earlier request's."""
        super().__init__()
        self.responses = list(responses)
        self.replayed = replayed
        self.requests: list[tuple[str, str, str, str | None]] = []

    def request(  # type: ignore[override]
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: str | None = None
    ) -> tuple[str, int, Mapping[str, str]]:
        key = (headers or {}).get("Idempotency-Key", "")
        self.requests.append((method, url.removeprefix("http://provider"), key, post_data))
        response = self.responses.pop(0)
        if isinstance(response, Exception):
            raise response
        return json.dumps(response[1]), response[0], REPLAYED if key in self.replayed else {}


def intent(status: str, **more: Any) -> Response:
    """200 with an intent."""
    return 200, {"id": "pi_1", "object": "payment_intent", "status": status, "last_payment_error": None} | more


def error(status: int, kind: str, code: str | None = None, **more: Any) -> Response:
    """An error object."""
    return status, {"error": {"type": kind, "code": code, "message": "no"} | more}


def unexpected(status: str) -> Response:
    """The error that shows what the intent is now."""
    shown = {"id": "pi_1", "object": "payment_intent", "status": status}
    return error(400, "invalid_request_error", "payment_intent_unexpected_state", payment_intent=shown)


def ask(client: Canned, call: Call, again: bool = False) -> Answer:
    """One call of the service."""
    return Provider("http://provider", "sk_test", client).ask("order-1", call, key="order-1:7", again=again)


ANSWERS: list[tuple[Call, Response, Answer]] = [
    (CREATE, intent("requires_payment_method"), Created("pi_1")),
    (CONFIRM, intent("succeeded"), Succeeded()),
    (CONFIRM, error(402, "card_error", "card_declined", decline_code="lost_card"), Declined("lost_card")),
    (CONFIRM, error(402, "card_error", "expired_card"), Declined("expired_card")),
    (
        CONFIRM,
        error(400, "invalid_request_error", "resource_missing", param="payment_method"),
        Declined(BAD_CARD),
    ),
    (CONFIRM, unexpected("succeeded"), Succeeded()),
    (CONFIRM, unexpected("canceled"), Declined(INTENT_CANCELED)),
    (CANCEL, intent("canceled"), Canceled()),
    (CANCEL, unexpected("canceled"), Canceled()),
    (CANCEL, unexpected("succeeded"), Succeeded()),
    (CANCEL, error(404, "invalid_request_error", "resource_missing"), NotCanceled("resource_missing")),
    (REFUND, (200, {"id": "re_1", "object": "refund", "status": "succeeded"}), Refunded()),
    (REFUND, (200, {"id": "re_1", "object": "refund", "status": "pending"}), Refunded()),
    (REFUND, (200, {"id": "re_1", "object": "refund", "status": "failed"}), NotRefunded("failed")),
    (REFUND, error(400, "invalid_request_error", "charge_already_refunded"), Refunded()),
    (REFUND, error(400, "invalid_request_error", "charge_disputed"), NotRefunded("charge_disputed")),
]


@pytest.mark.parametrize(("call", "response", "said"), ANSWERS)
def test_explicit_answer_is_understood(call: Call, response: Response, said: Answer) -> None:
    """Yes, no, and "it is so already"."""
    assert ask(Canned(response), call) == said


@pytest.mark.parametrize("call", [CREATE, CONFIRM, CANCEL, REFUND])
@pytest.mark.parametrize(
    ("response", "trouble"),
    [
        (stripe.APIConnectionError("broken"), True),  # type: ignore[no-untyped-call]
        (error(500, "api_error"), True),
        (error(503, "api_error"), True),
        (error(429, "invalid_request_error", "rate_limit"), True),
        (error(429, "invalid_request_error", "lock_timeout"), False),
        (error(409, "idempotency_error", "idempotency_key_in_use"), False),
        (error(400, "idempotency_error"), False),
        (error(401, "invalid_request_error"), True),
        ((502, {}), True),
        (UnicodeEncodeError("latin-1", "注", 0, 1, "no header"), False),
    ],
)
def test_unknown_outcome_is_no_answer(call: Call, response: Response | Exception, trouble: bool) -> None:
    """Nothing is concluded from it; and it is told apart whether the provider or only this request is in trouble."""
    with pytest.raises(Unanswered) as unanswered:
        ask(Canned(response), call)
    assert unanswered.value.trouble is trouble


@pytest.mark.parametrize("code", [None, "parameter_unknown"])
def test_cancel_is_settled_by_a_missing_intent_alone(code: str | None) -> None:
    """A wrong address or a call that is refused for its form says nothing about the intent."""
    with pytest.raises(Unanswered):
        ask(Canned(error(404, "invalid_request_error", code)), CANCEL)


@pytest.mark.parametrize("status", ["processing", "requires_action", "requires_capture"])
def test_waiting_intent_is_no_answer(status: str) -> None:
    """An intent that waits for something has been neither paid nor declined."""
    with pytest.raises(Unanswered):
        ask(Canned(intent(status)), CONFIRM)


@pytest.mark.parametrize("call", [CREATE, CONFIRM, CANCEL, REFUND])
@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("body", [{}, {"object": "list", "data": []}, [1], "welcome", None])
def test_strange_body_is_no_answer(call: Call, again: bool, body: Any) -> None:
    """200 and JSON of somebody in between says nothing about the money, and ends nobody's process."""
    with pytest.raises(Unanswered) as unanswered:
        ask(Canned((200, body)), call, again)
    assert unanswered.value.trouble


def test_garbage_is_no_answer() -> None:
    """A proxy's page of HTML says nothing about the money."""

    class Html(Canned):
        def request(self, *_: Any) -> tuple[str, int, Mapping[str, str]]:  # type: ignore[override]
            return "<html>bad gateway</html>", 200, {}

    with pytest.raises(Unanswered):
        ask(Html(), CONFIRM)


def test_intent_is_made_with_the_orders_key() -> None:
    """The one call that could repeat itself has one key for ever, and the order's id in the intent."""
    client = Canned(intent("requires_payment_method"))
    ask(client, CREATE)
    (request,) = client.requests
    assert request[:3] == ("post", "/v1/payment_intents", "order-1")
    assert "metadata[order_id]=order-1" in str(request[3])


def test_saved_trouble_does_not_answer_for_ever() -> None:
    """A 5xx that the provider gives again under the order's key: the intent is made under the lease's."""
    client = Canned(error(500, "api_error"), intent("requires_payment_method"), replayed=["order-1"])
    assert ask(client, CREATE) == Created("pi_1")
    assert [request[2] for request in client.requests] == ["order-1", "order-1:7"]


@pytest.mark.parametrize(
    ("response", "replayed"), [(error(500, "api_error"), []), (error(409, "idempotency_error"), ["order-1"])]
)
def test_other_key_is_for_saved_trouble_alone(response: Response, replayed: Sequence[str]) -> None:
    """A 5xx of now may be another's next time: an intent more would be made without need."""
    client = Canned(response, replayed=replayed)
    with pytest.raises(Unanswered):
        ask(client, CREATE)
    assert len(client.requests) == 1


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (intent("succeeded"), Succeeded()),
        (intent("canceled"), Declined(INTENT_CANCELED)),
        (intent("requires_payment_method", last_payment_error={"decline_code": "lost_card"}), Declined("lost_card")),
    ],
)
def test_earlier_try_is_looked_up_first(seen: Response, said: Answer) -> None:
    """After an unknown outcome the intent is read, and what it shows is the answer: nothing is confirmed again."""
    client = Canned(seen)
    assert (ask(client, CONFIRM, again=True), len(client.requests)) == (said, 1)


def test_unconfirmed_intent_is_confirmed_again() -> None:
    """Still unconfirmed is not a failure: the earlier try never arrived."""
    client = Canned(intent("requires_payment_method"), intent("succeeded"))
    assert ask(client, CONFIRM, again=True) == Succeeded()
    assert [request[:2] for request in client.requests] == [
        ("get", "/v1/payment_intents/pi_1"),
        ("post", "/v1/payment_intents/pi_1/confirm"),
    ]


def declined(card: str) -> Response:
    """An intent whose last try was this card's."""
    return intent(
        "requires_payment_method", last_payment_error={"decline_code": "lost", "payment_method": {"id": card}}
    )


def test_decline_of_the_second_card_is_its_own() -> None:
    """The intent shows the card that no attempt before had: this attempt was refused, its answer lost."""
    client = Canned(declined("pm_card_amex"))
    assert (ask(client, SECOND, again=True), len(client.requests)) == (Declined("lost"), 1)


@pytest.mark.parametrize(
    ("shown", "call"),
    [
        (declined("pm_card_visa"), SECOND),
        (declined("pm_card_visa"), Confirm("pi_1", 2, "pm_card_visa", ("pm_card_visa",))),
        (intent("requires_payment_method", last_payment_error={"decline_code": "lost"}), SECOND),
    ],
    ids=["the first card's", "the same card, twice", "nobody's"],
)
def test_older_decline_is_not_this_attempts(shown: Response, call: Confirm) -> None:
    """What may be the no to an earlier attempt says nothing about this one: the bank is asked."""
    assert ask(Canned(shown, intent("succeeded")), call, again=True) == Succeeded()


def test_thinking_bank_is_no_answer() -> None:
    """An intent that is still processing is neither confirmed again nor given up."""
    client = Canned(intent("processing"))
    with pytest.raises(Unanswered):
        ask(client, CONFIRM, again=True)
    assert len(client.requests) == 1
