"""One order's payment in memory: a log, a row with its lease, and a provider that is called late, twice or never."""

from dataclasses import dataclass, field

from payment.domain import (
    Answer,
    Call,
    Cancel,
    Canceled,
    Confirm,
    Create,
    Created,
    Declined,
    NotRefunded,
    Payment,
    Refund,
    Refunded,
    Succeeded,
    answer,
    call,
    fold,
    is_own,
)
from payment.events import (
    Incoming,
    OrderCancelled,
    OrderCreated,
    OrderDelivered,
    Outgoing,
    PaymentFailed,
    PaymentRetryRequested,
)

CARDS = ("pm_card_visa", "pm_card_amex")
CREATED = OrderCreated(total=1250, currency="EUR", payment_method=CARDS[0])
CANCELLED = OrderCancelled(reason="customer")
EVENTS: dict[str, Incoming] = {"created": CREATED, "cancelled": CANCELLED, "delivered": OrderDelivered()}
Step = tuple[str, int, bool]  # what, which of the calls in flight (or attempts), whether the bank says yes
HEALED = 12  # exchanges, more than any payment needs that is answered


@dataclass
class Flight:
    """A leased call, on its way. It may look at the intent first, and act later."""

    lease: int
    asked: Call
    again: bool
    said: Answer | None = None


@dataclass
class Intent:
    """At the provider: none, open, paid, shut, back (refunded) or kept (its refund refused, for good)."""

    status: str = "none"
    shown: str | None = None  # the card of the last decline
    captures: int = 0
    refused: list[str] = field(default_factory=list)  # every card that was declined, in order


@dataclass
class World:
    """A log without repeats of the same event (those are the inbox's business)."""

    payment: Payment = field(default_factory=Payment)
    lease: int = 0
    tries: int = 0
    told: list[Outgoing] = field(default_factory=list)
    flying: list[Flight] = field(default_factory=list)
    intent: Intent = field(default_factory=Intent)
    begun: dict[int, int] = field(default_factory=dict)  # attempt → declines there were when it was asked for

    def read(self, event: Incoming) -> None:
        """An event of the log."""
        self._write(fold(self.payment, event))
        self.begun.setdefault(self.payment.wanted, len(self.intent.refused))

    def retry(self, attempt: int, other: bool) -> None:
        """The customer's next try, or a late, repeated or skipped one."""
        self.read(PaymentRetryRequested(attempt, CARDS[other]))

    def ask(self) -> None:
        """A worker takes the row, whether or not somebody else has it."""
        asked = call(self.payment)
        if asked is not None:
            self.lease += 1
            self.tries += 1
            self.flying.append(Flight(self.lease, asked, self.tries > 1))

    def act(self, flight: Flight, yes: bool) -> None:
        """One exchange arrives at the provider, however late."""
        if flight.said is None:
            flight.said = self._look(flight) if flight.again else self._execute(flight.asked, yes)
            flight.again = False

    def hear(self, flight: Flight) -> None:
        """The answer arrives; it counts under the row's own lease only."""
        if flight.said is not None:
            self.flying.remove(flight)
            if flight.lease == self.lease:
                self._write(answer(self.payment, flight.asked, flight.said))

    def take(self, step: Step) -> None:
        """Do one step, when it is possible now."""
        what, at, yes = step
        if what in EVENTS and (what != "delivered" or self.payment.captured):  # api delivers nothing that is not paid
            self.read(EVENTS[what])
        elif what == "retry":
            self.retry(self.payment.wanted + at, yes)
        elif what == "ask":
            self.ask()
        elif at < len(self.flying):
            self._in_flight(what, self.flying[at], yes)

    def heal(self) -> None:
        """From now on everything is answered. An order that stays declined is cancelled by api's deadline."""
        self._answer_all()
        if self.told and isinstance(self.told[-1], PaymentFailed) and self.payment.end is None:
            self.read(CANCELLED)
            self._answer_all()

    def _answer_all(self) -> None:
        for _ in range(HEALED):
            self.ask()
            if self.flying:
                while self.flying[-1].said is None:
                    self.act(self.flying[-1], yes=True)
                self.hear(self.flying[-1])

    def _in_flight(self, what: str, flight: Flight, yes: bool) -> None:
        match what:
            case "act":
                self.act(flight, yes)
            case "hear":
                self.hear(flight)
            case "lose":
                self.flying.remove(flight)

    def _write(self, outcome: tuple[Payment, list[Outgoing]]) -> None:
        if outcome[0] != self.payment:
            self.lease, self.tries = self.lease + 1, 0
        self.payment = outcome[0]
        self.told += outcome[1]

    def _look(self, flight: Flight) -> Answer | None:
        """As `payment.provider.Provider` does before it confirms again; the other calls say it by themselves."""
        if not isinstance(flight.asked, Confirm) or self.intent.status == "none":
            return None
        if self.intent.status != "open":
            return Declined("intent_canceled") if self.intent.status == "shut" else Succeeded()
        shown = self.intent.shown
        return Declined("no") if shown is not None and is_own(flight.asked, shown) else None

    def _execute(self, asked: Call, yes: bool) -> Answer:
        intent = self.intent
        match asked:
            case Create():
                intent.status = "open" if intent.status == "none" else intent.status
                return Created("pi_1")
            case Confirm(card=card):
                return self._confirm(card, yes)
            case Cancel():
                intent.status = "shut" if intent.status == "open" else intent.status
                return Canceled() if intent.status == "shut" else Succeeded()
            case Refund():
                if intent.status == "paid":
                    intent.status = "back" if yes else "kept"
                return Refunded() if intent.status == "back" else NotRefunded("charge_disputed")

    def _confirm(self, card: str, yes: bool) -> Answer:
        intent = self.intent
        if intent.status != "open":
            return Declined("intent_canceled") if intent.status == "shut" else Succeeded()
        if not yes:
            intent.shown = card
            intent.refused.append(card)
            return Declined("no")
        intent.status, intent.captures = "paid", intent.captures + 1
        return Succeeded()
