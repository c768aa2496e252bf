"""What can go wrong with an order, told by the rules: each journey is played through `decide` and `evolve`."""

from collections.abc import Sequence
from dataclasses import dataclass

from api import events as said
from api.domain import Cancel, Command, MarkReady, PickUp, ReportOutOfStock, RetryPayment, decide
from api.events import TYPES, Fact, Item, Reason
from api.order import ALLOWANCES, Order, evolve, waiting_for
from api.presentation import Presentation
from contracts.catalogue import ROOT, catalogue

SOURCES = {entry.name: entry.sources for entry in catalogue()}

CREATED = said.OrderCreated("ann", "sobaya", "Sobaya", (Item("soba", "Soba", 1, 900),), 900, "EUR", "pm_card")
PAID = (CREATED, said.PaymentCompleted(1))
ASSIGNED = (*PAID, said.DeliveryAssigned(1, "c-01"))
ACCEPTED = (*ASSIGNED, said.OrderAccepted())
READY = (*ACCEPTED, MarkReady("sobaya"))
TAKEN = (*READY, PickUp("c-01"))
BACK = said.PaymentRefunded(900, "EUR")


@dataclass(frozen=True)
class Late:
    """The order's present wait uses up its allowance."""


Input = Fact | Command | Late


@dataclass(frozen=True)
class Journey:
    """`trouble` comes on top of `before`, and `after` settles it. A command is a person's wish."""

    what: str
    before: Sequence[Input]
    trouble: Sequence[Input]
    after: Sequence[Input] = ()


JOURNEYS = (
    Journey("The customer changes her mind (until pick-up)", READY, [Cancel("ann")], [BACK]),
    Journey("She does so before the card is charged", [CREATED], [Cancel("ann")], [said.PaymentReleased()]),
    Journey(
        "She does so while the card is being charged", [CREATED], [Cancel("ann"), said.PaymentCompleted(1)], [BACK]
    ),
    Journey("The card is declined", [CREATED], [said.PaymentFailed(1, "insufficient_funds")]),
    Journey(
        "… and she pays with another one",
        [CREATED, said.PaymentFailed(1, "insufficient_funds")],
        [RetryPayment("ann", "pm_other")],
        [said.PaymentCompleted(2)],
    ),
    Journey(
        "… and no other card pays in time",
        [CREATED, said.PaymentFailed(1, "insufficient_funds")],
        [Late()],
        [said.PaymentReleased()],
    ),
    Journey("The provider does not answer", [CREATED], [Late()], [said.PaymentReleased()]),
    Journey("No courier is free", PAID, [Late()], [BACK]),
    Journey("The courier ends the shift before pick-up", ACCEPTED, [said.DeliveryAssigned(2, "c-02")]),
    Journey(
        "A dish has run out, by the restaurant's stock",
        ASSIGNED,
        [said.ItemsOutOfStock((said.Missing("soba", 0),))],
        [BACK],
    ),
    Journey("A dish has run out, by the kitchen's word", ACCEPTED, [ReportOutOfStock("sobaya", ("soba",))], [BACK]),
    Journey("The restaurant does not answer", ASSIGNED, [Late()], [BACK]),
    Journey("The kitchen does not finish", ACCEPTED, [Late()], [BACK]),
    Journey("Nobody picks it up", READY, [Late()], [BACK]),
    Journey("It is picked up, and never delivered", TAKEN, [Late()], [BACK]),
    Journey("The refund is refused", READY, [Cancel("ann")], [said.RefundFailed("charge_disputed")]),
)


@dataclass(frozen=True)
class Told:
    """A journey, played. `facts`: of the trouble and what follows, as (type, source)."""

    facts: Sequence[tuple[str, str]]
    waited: Reason | None
    trouble: Order
    end: Order


def play(journey: Journey) -> Told:
    """Raises Refused when the rules do not allow what the journey says."""
    start, _ = _play(Order("0199d2a0-0000-7000-8000-000000000001"), journey.before)
    trouble, facts = _play(start, journey.trouble)
    end, more = _play(trouble, journey.after)
    waited = waiting_for(start) if Late() in journey.trouble else None
    return Told([*facts, *more], waited, trouble, end)


def _play(order: Order, inputs: Sequence[Input]) -> tuple[Order, list[tuple[str, str]]]:
    told: list[tuple[str, str]] = []
    for given in inputs:
        for fact, own in _facts(order, given):
            order = evolve(order, fact)
            told.append((TYPES[type(fact)], _source(fact, own)))
    return order, told


def _facts(order: Order, given: Input) -> list[tuple[Fact, bool]]:
    """What is said on this input, and whether api says it."""
    if isinstance(given, Late):
        given = said.DeadlinePassed(order.since)
    if isinstance(given, Command):
        return [(fact, True) for fact in decide(order, given)]
    return [(given, False), *((fact, True) for fact in decide(evolve(order, given), given))]


def _source(fact: Fact, own: bool) -> str:
    return "api" if own else next(source for source in reversed(SOURCES[TYPES[type(fact)]]))


def table() -> str:
    """One row a journey: what goes wrong, who says so, how it ends, what the customer reads."""
    presentation = Presentation.load(ROOT / "presentation.json", ALLOWANCES)
    rows = ["| what goes wrong | who says so | it ends | the customer reads |", "|---|---|---|---|"]
    for journey in JOURNEYS:
        told = play(journey)
        words = [presentation.message(told.trouble)]
        if journey.after:
            words.append(presentation.message(told.end))
        rows.append(f"| {journey.what} | {_who(told)} | {_end(told.end)} | {' → '.join(words)} |")
    return "\n".join(rows)


def _who(told: Told) -> str:
    clock = f"nobody, for {ALLOWANCES[told.waited]} ticks: " if told.waited else ""
    return clock + " → ".join(f"{source}: `{kind}`" for kind, source in told.facts)


def _end(order: Order) -> str:
    why = f" `{order.cancellation.reason}`" if order.cancellation else ""
    return f"{order.status}{why}, {order.payment.status}"
