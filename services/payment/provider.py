"""The payment provider, by the Stripe SDK. Blocks: used from worker threads only.

A call ends in an explicit answer, or in `Unanswered`: time-outs, broken connections, 5xx, 429, and whatever else says
nothing about the money. Nothing is retried here, a row that comes due again is the retry.
"""

from typing import Any

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
    is_own,
)

TROUBLE_STATUSES = frozenset({401, 403, 429})  # beside 5xx: nothing that is asked now will be answered
INTENT_CANCELED = "intent_canceled"  # somebody closed it at the provider; no card can pay it any more
BAD_CARD = "invalid_payment_method"  # a token that the provider does not know
# What an intent's status says about a question that cannot be asked (any more).
AFTER_CONFIRM: dict[str, Answer] = {"succeeded": Succeeded(), "canceled": Declined(INTENT_CANCELED)}
AFTER_CANCEL: dict[str, Answer] = {"succeeded": Succeeded(), "canceled": Canceled()}


class Unanswered(Exception):
    """The outcome is not known. `trouble` = the provider itself is in trouble, not this one request."""

    def __init__(self, reason: str, *, trouble: bool) -> None:
        super().__init__(reason)
        self.trouble = trouble


class Provider:
    """Asks one provider. Thread-safe."""

    def __init__(self, url: str, key: str, http_client: stripe.HTTPClient) -> None:
        self._http = http_client
        stripe.enable_telemetry = False  # it would send the machine's platform, and cost CPU, with each call
        self._stripe = stripe.StripeClient(
            key, base_addresses={"api": url}, http_client=http_client, max_network_retries=0
        )

    def close(self) -> None:
        """Close the connections, when nobody asks any more."""
        self._http.close()  # type: ignore[no-untyped-call]

    def ask(self, order_id: str, call: Call, *, key: str, again: bool) -> Answer:
        """The answer to `call`; raises Unanswered.

        `key` makes this one request repeatable at the provider. `again` = an earlier try may have reached it: an intent
        is then looked at before anything is done to it.
        """
        try:
            match call:
                case Create():
                    return self._create(order_id, call, key)
                case Confirm(intent):
                    return (self._seen(call) if again else None) or self._confirm(call, key)
                case Cancel(intent):
                    return _answer_of(self._stripe.v1.payment_intents.cancel(intent, {}, {"idempotency_key": key}))
                case Refund(intent):
                    return self._refund(intent, key)
        except stripe.StripeError as error:
            return _explicit(call, error)
        except ValueError as error:  # a header that HTTP cannot carry: it was not sent, and the others' are fine
            raise Unanswered(f"a request that cannot be sent: {error}", trouble=False) from error
        except (
            AttributeError,
            TypeError,
        ) as error:  # a good status, and nothing of Stripe's in the body: somebody else's
            raise Unanswered(f"an answer that is none: {error}", trouble=True) from error

    def _create(self, order_id: str, call: Create, key: str) -> Answer:
        """The order's id is the key: an answer that was lost is given again, with the same intent.

        A 5xx that is saved under it would be given again, too: then `key` makes another intent. The one that may stand
        behind that error costs nothing, only an id that was committed is ever confirmed.
        """
        try:
            return self._created(order_id, call, order_id)
        except stripe.StripeError as error:
            if not _is_saved_trouble(error):
                raise
        return self._created(order_id, call, key)

    def _created(self, order_id: str, call: Create, key: str) -> Created:
        created = self._stripe.v1.payment_intents.create(
            {
                "amount": call.amount,
                "currency": call.currency.lower(),
                "metadata": {"order_id": order_id},
                "allowed_payment_method_types": ["card"],
            },
            {"idempotency_key": key},
        )
        return Created(created.id)

    def _confirm(self, call: Confirm, key: str) -> Answer:
        confirmed = self._stripe.v1.payment_intents.confirm(
            call.intent,
            {"payment_method": call.card, "error_on_requires_action": True},  # nobody is there for further steps
            {"idempotency_key": key},
        )
        return _answer_of(confirmed)

    def _seen(self, call: Confirm) -> Answer | None:
        """What an earlier try came to, or None: still unconfirmed is not a failure, so it is confirmed now."""
        intent = self._stripe.v1.payment_intents.retrieve(call.intent)
        if intent.status in AFTER_CONFIRM:
            return AFTER_CONFIRM[intent.status]
        if intent.status == "processing":
            raise Unanswered("the bank is still thinking", trouble=False)
        error = intent.last_payment_error
        return Declined(_reason(error)) if error is not None and is_own(call, _card(error)) else None

    def _refund(self, intent: str, key: str) -> Answer:
        refund = self._stripe.v1.refunds.create({"payment_intent": intent}, {"idempotency_key": key})
        if refund.status in ("failed", "canceled"):
            return NotRefunded(refund.status)
        return Refunded()


def _answer_of(intent: stripe.PaymentIntent) -> Answer:
    """Cards are answered at once; an intent that still waits for something has not been answered."""
    said = AFTER_CANCEL.get(intent.status)
    if said is None:
        raise Unanswered(f"the intent is {intent.status}", trouble=False)
    return said


def _explicit(call: Call, error: stripe.StripeError) -> Answer:
    """An error that is an answer, else raises Unanswered."""
    match call:
        case Confirm():
            said = _confirm_error(error)
        case Cancel():
            said = AFTER_CANCEL.get(_shown_status(error)) or _cancel_error(error)
        case Refund():
            said = _refund_error(error)
        case Create():
            said = None
    if said is None:
        raise Unanswered(f"{type(error).__name__}: {error}", trouble=_in_trouble(error)) from error
    return said


def _confirm_error(error: stripe.StripeError) -> Answer | None:
    match error:
        case stripe.CardError():
            return Declined(_reason(error.error or error))
        case stripe.InvalidRequestError(param="payment_method"):
            return Declined(BAD_CARD)
    return AFTER_CONFIRM.get(_shown_status(error))


def _cancel_error(error: stripe.StripeError) -> Answer | None:
    match error:
        case stripe.InvalidRequestError(code="resource_missing"):
            return NotCanceled("resource_missing")
    return None


def _refund_error(error: stripe.StripeError) -> Answer | None:
    match error:
        case stripe.InvalidRequestError(code="charge_already_refunded"):
            return Refunded()
        case stripe.InvalidRequestError():
            return NotRefunded(error.code or "not_refundable")
    return None


def _shown_status(error: stripe.StripeError) -> str:
    """The status of the intent an error shows, or "": what it is now, so the question may have been answered before."""
    return getattr(getattr(error.error, "payment_intent", None), "status", "")


def _reason(error: Any) -> str:
    """The bank's word for its no, machine-readable."""
    return getattr(error, "decline_code", None) or getattr(error, "code", None) or "card_declined"


def _card(error: Any) -> str | None:
    """The token that was declined."""
    return getattr(getattr(error, "payment_method", None), "id", None)


def _is_saved_trouble(error: stripe.StripeError) -> bool:
    """The answer to an earlier request under this key, and it was none."""
    return (error.http_status or 0) >= 500 and (error.headers or {}).get("idempotent-replayed") == "true"


def _in_trouble(error: stripe.StripeError) -> bool:
    status = error.http_status
    if getattr(error.error, "code", None) == "lock_timeout":  # two of our own calls met on one intent
        return False
    return status is None or status >= 500 or status in TROUBLE_STATUSES
