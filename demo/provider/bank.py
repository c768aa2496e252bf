"""The calls that change something: each makes one line of the log and one answer.

Deciding, writing and answering happen without giving up the event loop in between: two requests on
one intent cannot interleave.
"""

import os
import time
from collections.abc import Callable, Mapping

import msgspec

from provider import domain, errors
from provider.domain import Intent, Status
from provider.errors import Json, Refusal
from provider.store import REFUSED, Line, Store

Params = Mapping[str, str]
Outcome = tuple[str, int, Json, Intent | None, int | None]  # type, status, body, new state, amount that moved
Refuses = Callable[[str, str | None], bool]  # the refund of an intent, and of which order it is
Action = Callable[["Bank", str, Params], Outcome]


def new_id(prefix: str) -> str:
    """An id as Stripe shapes them."""
    return prefix + os.urandom(12).hex()


class Bank:
    """Executes requests against the store. `refuses` decides which charges turn out to be disputed."""

    def __init__(self, store: Store, refuses: Refuses = lambda _intent, _order: False) -> None:
        self._store = store
        self._refuses = refuses

    def get(self, intent_id: str) -> Intent:
        """The intent; raises a Refusal (404) when there is none."""
        intent = self._store.intents.get(intent_id)
        if intent is None:
            raise errors.no_such("payment_intent", intent_id, param="intent")
        return intent

    def execute(self, action: Action, target: str, params: Params, line: Line) -> Line:
        """Run one action and log its answer. A refusal from before execution is raised, and leaves no trace."""
        try:
            line.type, line.status, body, intent, line.amount = action(self, target, params)
        except Refusal as refusal:
            if not refusal.executed:
                raise
            intent, body = None, refusal.body
            line.type, line.status = REFUSED, refusal.status
        about = intent or self._store.intents.get(target or params.get("payment_intent", ""))
        if about is not None:
            line.intent, line.order_id = about.id, about.metadata.get("order_id")
        line.body = msgspec.Raw(msgspec.json.encode(body))
        self._store.append(line, intent)
        return line

    def create(self, _target: str, params: Params) -> Outcome:
        """POST /v1/payment_intents"""
        intent = domain.create(params, intent_id=new_id("pi_"), now=int(time.time()))
        return "payment_intent.created", 200, domain.intent_json(intent), intent, None

    def confirm(self, target: str, params: Params) -> Outcome:
        """POST /v1/payment_intents/{id}/confirm"""
        intent = domain.confirm(self.get(target), params, charge=new_id("ch_"))
        if intent.status is Status.SUCCEEDED:
            return "payment_intent.succeeded", 200, domain.intent_json(intent), intent, intent.amount
        assert intent.last_error is not None  # a decline always says why
        error = {**intent.last_error, "payment_intent": domain.intent_json(intent)}
        return "payment_intent.payment_failed", 402, {"error": error}, intent, None

    def cancel(self, target: str, params: Params) -> Outcome:
        """POST /v1/payment_intents/{id}/cancel"""
        intent = domain.cancel(self.get(target), params, now=int(time.time()))
        return "payment_intent.canceled", 200, domain.intent_json(intent), intent, None

    def refund(self, _target: str, params: Params) -> Outcome:
        """POST /v1/refunds"""
        target = params.get("payment_intent")
        if not target:
            raise errors.missing("payment_intent")
        if target not in self._store.intents:
            raise errors.no_such("payment_intent", target, param="payment_intent", status=400)
        intent, amount = domain.refund(self.get(target), params)
        if target in self._store.disputed or self._refuses(target, intent.metadata.get("order_id")):
            raise errors.disputed(intent.charge)
        shown = domain.refund_json(intent, amount, refund_id=new_id("re_"), now=int(time.time()))
        return "refund.created", 200, shown, intent, amount
