"""The rules of one payment, first by example, then against a provider that answers late, twice or never."""

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from payment.domain import (
    Answer,
    Call,
    Cancel,
    Canceled,
    Confirm,
    Create,
    Created,
    Declined,
    End,
    NotRefunded,
    Payment,
    Refund,
    Refunded,
    Settled,
    Succeeded,
    answer,
    call,
    fold,
)
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
    RefundFailed,
)

CREATED = OrderCreated(total=1250, currency="EUR", payment_method="pm_card_visa")
CANCELLED = OrderCancelled(reason="customer")
ASKED = Payment(wanted=1, card="pm_card_visa", amount=1250, currency="EUR")
KNOWN = replace(ASKED, intent="pi_1")
PAID = replace(KNOWN, captured=True, answered=1)


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


def test_decline_of_ended_order_is_silent() -> None:
    """A failure nobody waits for is no fact; the intent is closed instead."""
    payment, events = answer(replace(KNOWN, end=End.CANCELLED), Confirm("pi_1", 1, "pm_card_visa"), Declined("no"))
    assert (call(payment), events) == (Cancel("pi_1"), [])


def test_delivered_order_keeps_the_money() -> None:
    """A delivered order asks for nothing, and a cancel behind it is not heard."""
    payment, _ = fold(PAID, OrderDelivered())
    later, events = fold(payment, CANCELLED)
    assert (later, call(later), events) == (payment, None, [])


SAID: list[Answer] = [Created("pi_9"), Succeeded(), Declined("no"), Canceled(), Refunded(), NotRefunded("no")]


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


EVENTS: dict[str, Incoming] = {"created": CREATED, "cancelled": CANCELLED, "delivered": OrderDelivered()}
Step = tuple[str, int, bool]  # what, which of the calls in flight, whether the bank would pay


@dataclass
class World:
    """A log without repeats (those are the inbox's business), a store with its lease, an unreliable provider."""

    payment: Payment = field(default_factory=Payment)
    lease: int = 0
    told: list[Outgoing] = field(default_factory=list)
    flying: list[tuple[int, Call, Answer | None]] = field(default_factory=list)
    status: str = "none"  # of the intent, at the provider
    captures: int = 0

    def read(self, event: Incoming) -> None:
        self._write(fold(self.payment, event))

    def lease_and_ask(self) -> None:
        asked = call(self.payment)
        if asked is not None:
            self.lease += 1
            self.flying.append((self.lease, asked, None))

    def provider_acts(self, at: int, pays: bool) -> None:
        lease, asked, said = self.flying[at]
        if said is None:
            self.flying[at] = (lease, asked, self._act(asked, pays))

    def hear(self, at: int) -> None:
        lease, asked, said = self.flying[at]
        if said is not None:
            del self.flying[at]
            if lease == self.lease:
                self._write(answer(self.payment, asked, said))

    def take(self, step: Step) -> None:
        """Do one step, when it is possible now."""
        what, at, pays = step
        if what in EVENTS and (what != "delivered" or self.payment.captured):  # api delivers nothing that is not paid
            self.read(EVENTS[what])
        elif what == "ask":
            self.lease_and_ask()
        elif at < len(self.flying):
            self._in_flight(what, at, pays)

    def _in_flight(self, what: str, at: int, pays: bool) -> None:
        match what:
            case "act":
                self.provider_acts(at, pays)
            case "hear":
                self.hear(at)
            case "lose":
                del self.flying[at]

    def _write(self, outcome: tuple[Payment, list[Outgoing]]) -> None:
        self.lease += outcome[0] != self.payment
        self.payment = outcome[0]
        self.told += outcome[1]

    def _act(self, asked: Call, pays: bool) -> Answer:
        match asked:
            case Create():
                self.status = "open" if self.status == "none" else self.status
                return Created("pi_1")
            case Confirm():
                if self.status == "open" and pays:
                    self.status, self.captures = "paid", self.captures + 1
                return Succeeded() if self.status in ("paid", "back") else Declined("no")
            case Cancel():
                self.status = "shut" if self.status == "open" else self.status
                return Canceled() if self.status == "shut" else Succeeded()
            case Refund():
                self.status = "back"
                return Refunded()


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["created", "cancelled", "delivered", "ask", "act", "act", "hear", "hear", "lose"]),
        st.integers(0, 3),
        st.booleans(),
    ),
    max_size=30,
)


def run(world: World, steps: list[Step]) -> None:
    """Take the steps, then heal: every call is answered, until nothing is left to ask."""
    for step in steps:
        world.take(step)
    for _ in range(6):
        world.lease_and_ask()
        if world.flying:
            world.provider_acts(len(world.flying) - 1, pays=True)
            world.hear(len(world.flying) - 1)


@settings(deadline=None)  # a busy machine is no failure
@given(STEPS)
def test_cancelled_order_settles_exactly_once(steps: list[Step]) -> None:
    """Answers that come late, twice or never: one settling fact, and it is the true one."""
    world = World()
    run(world, steps)
    settling = [e for e in world.told if isinstance(e, PaymentReleased | PaymentRefunded | RefundFailed)]
    if world.payment.end is End.CANCELLED:
        assert (len(settling), call(world.payment)) == (1, None)
        assert isinstance(settling[0], PaymentRefunded) == (world.status == "back")
    else:
        assert settling == []


@settings(deadline=None)  # a busy machine is no failure
@given(STEPS)
def test_money_moves_at_most_once(steps: list[Step]) -> None:
    """One capture at most; none stays on a cancelled order; "completed" is said once, and only when it is so."""
    world = World()
    run(world, steps)
    completed = [e for e in world.told if isinstance(e, PaymentCompleted)]
    assert world.captures <= 1
    assert len(completed) <= world.captures
    if world.payment.end is End.CANCELLED:
        assert world.status != "paid"
    elif world.captures and world.payment.wanted:
        assert len(completed) == 1


@settings(deadline=None)  # a busy machine is no failure
@given(STEPS)
def test_every_wait_has_a_call(steps: list[Step]) -> None:
    """An order that was created, has not ended, and was told neither yes nor no still has something to ask."""
    world = World()
    for step in steps:
        world.take(step)
        waiting = world.payment.wanted > world.payment.answered and world.payment.end is None
        assert waiting <= (call(world.payment) is not None)
