"""Payment intents and refunds, pure: an intent, a request, and the intent it becomes.

Nothing here reads a clock or makes an id: the caller hands in what it cannot decide. A refusal is an exception
(`errors`). An answer always shows the whole intent it made, as Stripe's do: the answers alone rebuild the state.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from provider import errors
from provider.cards import CARDS
from provider.errors import Json

AMOUNT_MAX = 99_999_999  # minor units: Stripe's limit for most currencies
CURRENCY_LENGTH = 3
METADATA_KEYS_MAX = 50


class Status(StrEnum):
    """The part of Stripe's states that cards without further steps go through."""

    NEEDS_METHOD = "requires_payment_method"
    NEEDS_CONFIRMATION = "requires_confirmation"
    SUCCEEDED = "succeeded"
    CANCELED = "canceled"


@dataclass(frozen=True, slots=True)
class Intent:
    """One payment intent. It succeeds at most once."""

    id: str
    amount: int
    currency: str
    created: int
    metadata: Mapping[str, str] = field(default_factory=dict)
    status: Status = Status.NEEDS_METHOD
    method: str | None = None
    charge: str | None = None
    last_error: Json | None = None
    canceled_at: int | None = None
    refunded: int = 0


def intent_json(intent: Intent) -> Json:
    """The intent as the API shows it."""
    return {
        "id": intent.id,
        "object": "payment_intent",
        "amount": intent.amount,
        "amount_received": intent.amount if intent.status is Status.SUCCEEDED else 0,
        "canceled_at": intent.canceled_at,
        "cancellation_reason": None,
        "capture_method": "automatic",
        "client_secret": f"{intent.id}_secret",
        "confirmation_method": "automatic",
        "created": intent.created,
        "currency": intent.currency,
        "last_payment_error": intent.last_error,
        "latest_charge": intent.charge,
        "livemode": False,
        "metadata": dict(intent.metadata),
        "payment_method": intent.method,
        "payment_method_types": ["card"],
        "status": intent.status.value,
    }


def intent_of(shown: Json, refunded: int = 0) -> Intent:
    """The inverse of `intent_json`; what was refunded stands in refunds, not in the intent."""
    return Intent(
        id=shown["id"],
        amount=shown["amount"],
        currency=shown["currency"],
        created=shown["created"],
        metadata=shown["metadata"],
        status=Status(shown["status"]),
        method=shown["payment_method"],
        charge=shown["latest_charge"],
        last_error=shown["last_payment_error"],
        canceled_at=shown["canceled_at"],
        refunded=refunded,
    )


def create(params: Mapping[str, str], *, intent_id: str, now: int) -> Intent:
    """An unconfirmed intent. Confirming in the same call is not offered: demae confirms only ids it has committed."""
    metadata = {name[9:-1]: value for name, value in params.items() if name.startswith("metadata[")}
    _only(params, {"amount", "currency", "payment_method", "allowed_payment_method_types[0]"}, metadata=True)
    currency = _required(params, "currency").lower()
    if len(currency) != CURRENCY_LENGTH or not currency.isalpha():
        raise errors.invalid("currency", f"Invalid currency: {currency}")
    if len(metadata) > METADATA_KEYS_MAX:
        raise errors.invalid("metadata", f"Metadata can have up to {METADATA_KEYS_MAX} keys")
    method = _method(params)
    status = Status.NEEDS_CONFIRMATION if method else Status.NEEDS_METHOD
    amount = _amount(_required(params, "amount"))
    return Intent(intent_id, amount, currency, now, metadata, status, method)


def confirm(intent: Intent, params: Mapping[str, str], *, charge: str) -> Intent:
    """Succeeded, or needing another method with the bank's no in `last_error`: the caller turns that into a 402."""
    _only(params, {"payment_method", "error_on_requires_action"})
    method = _method(params) or intent.method
    if intent.status in (Status.SUCCEEDED, Status.CANCELED):
        why = f"This PaymentIntent's payment_intent could not be confirmed because it has a status of {intent.status}."
        raise errors.unexpected_state(why, intent_json(intent))
    if method is None:
        why = "You cannot confirm this PaymentIntent because it's missing a payment method."
        raise errors.unexpected_state(why, intent_json(intent))
    decline = CARDS[method]
    if decline is None:
        return replace(intent, status=Status.SUCCEEDED, method=method, charge=charge, last_error=None)
    shown = errors.decline_json(decline, charge) | {"payment_method": {"id": method, "object": "payment_method"}}
    return replace(intent, status=Status.NEEDS_METHOD, method=None, charge=charge, last_error=shown)


def cancel(intent: Intent, params: Mapping[str, str], *, now: int) -> Intent:
    """Canceled, for ever. An intent that succeeded or was canceled refuses, and shows itself in the error."""
    _only(params, {"cancellation_reason"})
    if intent.status in (Status.SUCCEEDED, Status.CANCELED):
        why = f"You cannot cancel this PaymentIntent because it has a status of {intent.status}."
        raise errors.unexpected_state(why, intent_json(intent))
    return replace(intent, status=Status.CANCELED, canceled_at=now)


def refund(intent: Intent, params: Mapping[str, str]) -> tuple[Intent, int]:
    """The intent after it, and the amount given back: what was asked for, or all that is left."""
    _only(params, {"payment_intent", "amount", "reason"}, metadata=True)
    if intent.status is not Status.SUCCEEDED:
        raise errors.not_refundable(f"This PaymentIntent ({intent.id}) does not have a successful charge to refund.")
    left = intent.amount - intent.refunded
    if left == 0:
        raise errors.not_refundable(f"Charge {intent.charge} has already been refunded.", "charge_already_refunded")
    amount = _amount(params["amount"]) if "amount" in params else left
    if amount > left:
        raise errors.not_refundable(f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})")
    return replace(intent, refunded=intent.refunded + amount), amount


def refund_json(intent: Intent, amount: int, *, refund_id: str, now: int) -> Json:
    """A refund as the API shows it."""
    return {
        "id": refund_id,
        "object": "refund",
        "amount": amount,
        "charge": intent.charge,
        "created": now,
        "currency": intent.currency,
        "metadata": {},
        "payment_intent": intent.id,
        "reason": None,
        "status": "succeeded",
    }


def _required(params: Mapping[str, str], name: str) -> str:
    value = params.get(name, "")
    if not value:
        raise errors.missing(name)
    return value


def _amount(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise errors.invalid("amount", f"Invalid integer: {text}", "parameter_invalid_integer")
    amount = int(text[:12])
    if amount == 0:
        raise errors.invalid("amount", "This value must be greater than or equal to 1.", "parameter_invalid_integer")
    if amount > AMOUNT_MAX:
        raise errors.invalid("amount", f"Amount must be no more than {AMOUNT_MAX}", "amount_too_large")
    return amount


def _method(params: Mapping[str, str]) -> str | None:
    method = params.get("payment_method")
    if method is not None and method not in CARDS:
        raise errors.no_such("PaymentMethod", method, param="payment_method", status=400)
    return method


def _only(params: Mapping[str, str], allowed: set[str], *, metadata: bool = False) -> None:
    for name in params:
        if name not in allowed and not (metadata and name.startswith("metadata[") and name.endswith("]")):
            raise errors.unknown(name)
