"""One payment, pure: no IO, no clock, no lease.

`fold` takes what was read from the log, `call` says what to ask the provider next (derived from the state, never
stored beside it), `answer` takes what the provider said. An unknown outcome is no answer: nothing changes, and the
same call is derived again. Who may answer is the store's business (its lease), not this module's.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from payment.events import (
    Incoming,
    OrderCancelled,
    OrderCreated,
    OrderDelivered,
    Outgoing,
    PaymentCompleted,
    PaymentFailed,
    PaymentRefunded,
    PaymentReleased,
    PaymentRetryRequested,
    RefundFailed,
)

EARLIER_MAX = 16  # tokens that are remembered; of an attempt behind more of them no decline on show is believed


class End(StrEnum):
    """How an order ended. Remembered for ever, also for an order whose creation was never seen."""

    CANCELLED = "cancelled"
    DELIVERED = "delivered"


class Settled(StrEnum):
    """What a cancelled order's payment came to. Once set, nothing is asked and nothing is said any more."""

    REFUNDED = "refunded"
    RELEASED = "released"
    REFUND_FAILED = "refund_failed"  # a person has to look: the provider said no to the refund, or knows no intent


@dataclass(frozen=True, slots=True)
class Payment:
    """The whole state of one order's payment."""

    wanted: int = 0  # the newest attempt the customer asked for; 0 = the order was not seen yet
    card: str | None = None  # the token of that attempt
    earlier: tuple[str, ...] = ()  # the tokens of the attempts before it
    amount: int = 0  # minor units
    currency: str = ""
    answered: int = 0  # the newest attempt the provider said yes or no to
    intent: str | None = None  # the provider's id, committed here before it is ever confirmed: one an order
    captured: bool = False
    end: End | None = None
    settled: Settled | None = None


@dataclass(frozen=True, slots=True)
class Create:
    """Make the order's one intent, unconfirmed: no money moves."""

    amount: int
    currency: str


@dataclass(frozen=True, slots=True)
class Confirm:
    """Take the money for this attempt. An intent succeeds once, so asking twice cannot charge twice."""

    intent: str
    attempt: int
    card: str
    earlier: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Cancel:
    """Close the intent before it is paid; if it was paid meanwhile, the provider says so."""

    intent: str


@dataclass(frozen=True, slots=True)
class Refund:
    """Give back all that was captured."""

    intent: str


Call = Create | Confirm | Cancel | Refund


@dataclass(frozen=True, slots=True)
class Created:
    """To Create: the intent's id."""

    intent: str


@dataclass(frozen=True, slots=True)
class Succeeded:
    """To Confirm, or to a Cancel that came too late: the money is here."""


@dataclass(frozen=True, slots=True)
class Declined:
    """To Confirm: an explicit no. Nothing else counts as a failure."""

    reason: str


@dataclass(frozen=True, slots=True)
class Canceled:
    """To Cancel: the intent is closed, and no money was taken."""


@dataclass(frozen=True, slots=True)
class NotCanceled:
    """To Cancel: the provider has no such intent (any more). Whether it was paid, nobody can say."""

    reason: str


@dataclass(frozen=True, slots=True)
class Refunded:
    """To Refund: the money went back, now or in an earlier call whose answer was lost."""


@dataclass(frozen=True, slots=True)
class NotRefunded:
    """To Refund: an explicit no."""

    reason: str


Answer = Created | Succeeded | Declined | Canceled | NotCanceled | Refunded | NotRefunded
Outcome = tuple[Payment, list[Outgoing]]


def fold(payment: Payment, event: Incoming) -> Outcome:
    """The state after an event of the log, and the facts that follow from it at once."""
    if payment.end is not None:
        return payment, []
    match event:
        case OrderCreated(total, currency, card) if payment.wanted == 0:
            return replace(payment, wanted=1, card=card, amount=total, currency=currency), []
        case PaymentRetryRequested(attempt, card) if 0 < payment.wanted == attempt - 1 and not payment.captured:
            return _tried_again(payment, card), []
        case OrderCancelled():
            return _release_if_untouched(replace(payment, end=End.CANCELLED))
        case OrderDelivered():
            return replace(payment, end=End.DELIVERED), []
    return payment, []


def call(payment: Payment) -> Call | None:
    """What to ask the provider next, or None when there is nothing to ask."""
    if payment.settled is not None or payment.end is End.DELIVERED:
        return None
    if payment.end is End.CANCELLED:
        return _undo(payment)
    if payment.captured or payment.card is None or payment.wanted == payment.answered:
        return None
    if payment.intent is None:
        return Create(payment.amount, payment.currency)
    return Confirm(payment.intent, payment.wanted, payment.card, payment.earlier)


def is_own(asked: Confirm, card: str | None) -> bool:
    """Whether a decline of `card` that the intent shows can only be this attempt's.

    The intent shows the last decline there was, whichever attempt's. Where an attempt before had the same token, or
    that is not known, the bank is asked (again): an intent succeeds once, but a no that nobody said would be a lie.
    """
    if asked.attempt == 1:
        return True
    return card == asked.card and card not in asked.earlier and len(asked.earlier) == asked.attempt - 1


def answer(payment: Payment, asked: Call, said: Answer) -> Outcome:
    """The state after the provider's answer, and the facts it makes true. A pair that fits nothing changes nothing."""
    if payment.settled is not None:
        return payment, []
    match asked, said:
        case Create(), Created(intent) if payment.intent is None:
            return replace(payment, intent=intent), []
        case ((Confirm() | Cancel()), Succeeded()) if not payment.captured:
            return _captured(payment)
        case Confirm(attempt=attempt), Declined(reason) if payment.answered < attempt == payment.wanted:
            return _declined(payment, attempt, reason)
        case ((Cancel() | Refund()), _):
            return _settled(payment, said)
    return payment, []


def _tried_again(payment: Payment, card: str) -> Payment:
    """The next attempt, with the customer's next card. The intent stays the order's one."""
    assert payment.card is not None, "an attempt before it had a card"
    earlier = (*payment.earlier, payment.card)[:EARLIER_MAX]
    return replace(payment, wanted=payment.wanted + 1, card=card, earlier=earlier)


def _undo(payment: Payment) -> Call | None:
    if payment.intent is None:
        return None
    return Refund(payment.intent) if payment.captured else Cancel(payment.intent)


def _release_if_untouched(payment: Payment) -> Outcome:
    """Without a committed intent nothing can have been confirmed: the order is settled in the same breath."""
    if payment.intent is not None:
        return payment, []
    return replace(payment, settled=Settled.RELEASED), [PaymentReleased()]


def _captured(payment: Payment) -> Outcome:
    """The money is here. On a cancelled order nobody is told: the refund is the fact."""
    captured = replace(payment, captured=True, answered=payment.wanted)
    return captured, [] if payment.end is End.CANCELLED else [PaymentCompleted(payment.wanted)]


def _declined(payment: Payment, attempt: int, reason: str) -> Outcome:
    """The bank's no. On an order that ended meanwhile nobody is told."""
    return replace(payment, answered=attempt), [] if payment.end else [PaymentFailed(attempt, reason)]


def _settled(payment: Payment, said: Answer) -> Outcome:
    """The one fact that ends a cancelled order's payment."""
    match said:
        case Canceled() if not payment.captured:
            return replace(payment, settled=Settled.RELEASED), [PaymentReleased()]
        case Refunded() if payment.captured:
            refunded = PaymentRefunded(payment.amount, payment.currency)
            return replace(payment, settled=Settled.REFUNDED), [refunded]
        case NotCanceled(reason) | NotRefunded(reason):
            return replace(payment, settled=Settled.REFUND_FAILED), [RefundFailed(reason)]
    return payment, []
