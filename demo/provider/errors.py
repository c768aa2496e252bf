"""Stripe's error objects: one exception with the status and the JSON, and a function for each kind used here."""

from typing import Any

from provider.cards import Decline

Json = dict[str, Any]
CHARGE_DISPUTED = "charge_disputed"


class Refusal(Exception):
    """A request that is answered with an error.

    `executed` tells Stripe's two kinds apart: what failed before execution began (bad parameters, a key in use) is
    forgotten; what failed while executing is an outcome, and is saved under the idempotency key.
    """

    def __init__(self, status: int, error: Json, *, executed: bool = False) -> None:
        super().__init__(error.get("message", ""))
        self.status = status
        self.body: Json = {"error": error}
        self.executed = executed


def _invalid(message: str, *, code: str | None = None, param: str | None = None) -> Json:
    error: Json = {"type": "invalid_request_error", "message": message}
    if code is not None:
        error |= {"code": code, "doc_url": f"https://docs.stripe.com/error-codes/{code.replace('_', '-')}"}
    if param is not None:
        error["param"] = param
    return error


def bad_key(shown: str | None) -> Refusal:
    """No key, or not ours."""
    if shown is None:
        return Refusal(401, _invalid("You did not provide an API key. Send it as a Bearer token."))
    masked = shown[:3] + "*" * 8 + shown[-4:] if len(shown) > 12 else "********"
    return Refusal(401, _invalid(f"Invalid API Key provided: {masked}"))


def unknown_url(method: str, path: str) -> Refusal:
    """A path that this look-alike does not speak."""
    return Refusal(404, _invalid(f"Unrecognized request URL ({method}: {path})."))


def no_such(what: str, name: str, *, param: str, status: int = 404) -> Refusal:
    """An object that does not exist: 404 when the path names it, 400 when a parameter does."""
    return Refusal(status, _invalid(f"No such {what}: '{name}'", code="resource_missing", param=param))


def missing(param: str) -> Refusal:
    """A required parameter is not there."""
    return Refusal(400, _invalid(f"Missing required param: {param}.", code="parameter_missing", param=param))


def unknown(param: str) -> Refusal:
    """A parameter this call does not take: refused, so that a typing error is never silently ignored."""
    return Refusal(400, _invalid(f"Received unknown parameter: {param}", code="parameter_unknown", param=param))


def invalid(param: str, message: str, code: str | None = None) -> Refusal:
    """A parameter with a value that cannot be used."""
    return Refusal(400, _invalid(message, code=code, param=param))


def unexpected_state(message: str, intent: Json) -> Refusal:
    """The intent is not in a state that allows this; the error carries the intent as it is."""
    error = _invalid(message, code="payment_intent_unexpected_state") | {"payment_intent": intent}
    return Refusal(400, error, executed=True)


def not_refundable(message: str, code: str | None = None) -> Refusal:
    """A refund that the charge does not allow."""
    return Refusal(400, _invalid(message, code=code), executed=True)


def disputed(charge: str | None) -> Refusal:
    """A refund of a charge that the card's owner has disputed at the bank."""
    return not_refundable(f"Charge {charge} has been charged back; cannot issue a refund.", CHARGE_DISPUTED)


def unavailable() -> Refusal:
    """Nothing was executed."""
    message = "The service is temporarily unavailable. Please try again later."
    return Refusal(503, {"type": "api_error", "message": message})


def broken() -> Refusal:
    """What was executed is not said."""
    return Refusal(500, {"type": "api_error", "message": "An unknown error occurred."})


def decline_json(decline: Decline, charge: str) -> Json:
    """The bank's no as it stands in the answer and in the intent's `last_payment_error`."""
    return {
        "type": "card_error",
        "code": decline.code,
        "decline_code": decline.decline_code,
        "message": decline.message,
        "charge": charge,
        "doc_url": f"https://docs.stripe.com/error-codes/{decline.code.replace('_', '-')}",
    }


def key_in_use(key: str) -> Refusal:
    """The same key is being executed right now."""
    message = f"There is currently another in-progress request using this Idempotent Key: {key}"
    return Refusal(409, {"type": "idempotency_error", "code": "idempotency_key_in_use", "message": message})


def key_reused(key: str) -> Refusal:
    """The same key came with another request before."""
    message = (
        "Keys for idempotent requests can only be used with the same parameters they were first used with. "
        f"Try using a key other than '{key}' if you meant to execute a different request."
    )
    return Refusal(400, {"type": "idempotency_error", "message": message})
