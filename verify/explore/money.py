"""payment in the explorer: its real rules under leases, and a bank whose answers can be late, lost or no."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from explore.log import ORDERS, Said
from explore.service import Read, Service, Work
from payment import domain as rules
from payment import events


@dataclass
class Intent:
    """A PaymentIntent at the provider: new, succeeded, canceled or refunded. Money moves at most once each way."""

    state: str = "new"
    declined: str | None = None
    """The card that was declined last."""
    refused: bool = False
    """A refund was refused: for good."""
    captures: int = 0
    refunds: int = 0


class Bank:
    """The provider's own book, by order."""

    def __init__(self) -> None:
        self.intents: dict[str, Intent] = {}

    def ask(self, order_id: str, call: rules.Call, *, again: bool, yes: bool) -> rules.Answer:
        """Do it and answer. `again`: the caller looks before it does; `yes`: what the bank says, where it has a say."""
        if isinstance(call, rules.Create):
            self.intents.setdefault(order_id, Intent())
            return rules.Created(f"pi_{order_id}")
        intent = self.intents[order_id]
        match call:
            case rules.Confirm():
                return self._confirm(intent, call, again=again, yes=yes)
            case rules.Cancel():
                return self._cancel(intent)
            case rules.Refund():
                return self._refund(intent, yes=yes)

    def _confirm(self, intent: Intent, call: rules.Confirm, *, again: bool, yes: bool) -> rules.Answer:
        known = again and intent.declined is not None and rules.is_own(call, intent.declined)
        if intent.state == "new" and not known:
            intent.declined = None if yes else call.card
            intent.state = "succeeded" if yes else "new"
            intent.captures += yes
        if intent.state == "new":
            return rules.Declined("card_declined")
        return rules.Declined("intent_canceled") if intent.state == "canceled" else rules.Succeeded()

    def _cancel(self, intent: Intent) -> rules.Answer:
        if intent.state == "new":
            intent.state = "canceled"
        return rules.Canceled() if intent.state == "canceled" else rules.Succeeded()

    def _refund(self, intent: Intent, *, yes: bool) -> rules.Answer:
        intent.refused = intent.refused or (intent.state == "succeeded" and not yes)
        if intent.state == "succeeded" and not intent.refused:
            intent.state = "refunded"
            intent.refunds += 1
        return rules.Refunded() if intent.state == "refunded" else rules.NotRefunded("bank_says_no")


NOTHING = rules.Payment()


@dataclass
class Row:
    """A payment; every write raises the lease."""

    payment: rules.Payment = NOTHING
    lease: int = 0
    tries: int = 0


@dataclass
class Flight:
    """A leased call: asked or not, answered or not."""

    order_id: str
    payment: rules.Payment
    call: rules.Call
    lease: int
    again: bool
    said: rules.Answer | None = None
    since: float = 0.0


@dataclass
class Payment(Service):
    """Rows, the bank, and the calls in flight."""

    name = "payment"
    topics = (ORDERS,)
    reads = events.READS

    rows: dict[str, Row] = field(default_factory=dict)
    bank: Bank = field(default_factory=Bank)
    flights: list[Flight] = field(default_factory=list)
    now: float = 0.0

    def decide(self, reads: Sequence[Read]) -> Work:
        before = {key: self.rows[key].payment for key, _, _ in reads if key in self.rows}
        after, said = dict(before), []
        for key, event, _ in reads:
            payment = after.get(key, rules.Payment())
            if not self.rules.remember_closed and isinstance(event, events.OrderCancelled) and not payment.captured:
                said.append(_said(key, events.PaymentReleased()))  # the control: nothing to undo, nothing remembered
                continue
            after[key], facts = rules.fold(payment, event)
            said += [_said(key, fact) for fact in facts]
        changed = {key: payment for key, payment in after.items() if before.get(key) != payment}
        return Work(lambda: self._save(changed, said), frozenset(key for key, _, _ in reads))

    def _save(self, changed: dict[str, rules.Payment], said: Sequence[Said]) -> None:
        for key, payment in changed.items():
            self._write(key, payment)
        self.log.commit(self.name, said)

    def _write(self, order_id: str, payment: rules.Payment) -> None:
        """A new lease; what is to be asked next is handed over at once."""
        row = self.rows.get(order_id, Row())
        self.rows[order_id] = Row(payment, row.lease + 1, 1)
        self._launch(order_id)

    def _launch(self, order_id: str) -> None:
        row = self.rows[order_id]
        asked = rules.call(row.payment)
        if asked is not None:
            flight = Flight(order_id, row.payment, asked, row.lease, again=row.tries > 1, since=self.now)
            self.flights.append(flight)

    def due(self) -> list[str]:
        """Rows with something to ask that no open batch holds: a lease may have run out at any moment."""
        return [o for o, row in self.rows.items() if rules.call(row.payment) is not None and o not in self.locked]

    def take(self, order_id: str) -> None:
        """The scan leases a row whose lease ran out."""
        row = self.rows[order_id]
        self.rows[order_id] = Row(row.payment, row.lease + 1, row.tries + 1)
        self._launch(order_id)

    def perform(self, flight: Flight, *, yes: bool) -> None:
        """The call arrives at the bank, however late."""
        flight.said = self.bank.ask(flight.order_id, flight.call, again=flight.again, yes=yes)

    def settle(self, flight: Flight) -> None:
        """The answer arrives; it counts under its own lease only. Not while an open batch holds the row."""
        self.flights.remove(flight)
        row = self.rows[flight.order_id]
        if flight.said is None or (self.rules.lease and row.lease != flight.lease):
            return
        made, facts = rules.answer(flight.payment, flight.call, flight.said)
        # These columns are written; what a fold wrote meanwhile (only possible without the lease) stays.
        merged = replace(
            row.payment, answered=made.answered, intent=made.intent, captured=made.captured, settled=made.settled
        )
        self._write(flight.order_id, merged)
        self.log.commit(self.name, [_said(flight.order_id, fact) for fact in facts])


def _said(order_id: str, fact: events.Outgoing) -> Said:
    return Said(ORDERS, order_id, events.TYPE_OF[type(fact)], fact)
