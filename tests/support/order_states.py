"""Every state that an order can be in, each with a shortest history: found by trying everything everywhere."""

from collections import deque
from dataclasses import replace
from functools import cache

from api import domain, events
from api.domain import Line, Order, Place, Refused, Restaurant, decide, evolve

RESTAURANT = Restaurant(
    "r-1", "Soba", "EUR", (events.MenuItem("soba", "Soba", 900), events.MenuItem("tea", "Tea", 250))
)
WISH = Place("c-1", RESTAURANT, (Line("soba", 2), Line("tea", 1)), "pm_card_visa")
FACTS: tuple[events.Fact, ...] = (
    events.PaymentCompleted(1),
    events.PaymentCompleted(2),
    events.PaymentFailed(1, "generic_decline"),
    events.PaymentFailed(2, "insufficient_funds"),
    events.PaymentRefunded(2050, "EUR"),
    events.PaymentReleased(),
    events.RefundFailed("charge_disputed"),
    events.DeliveryAssigned(1, "k-1"),
    events.DeliveryAssigned(2, "k-2"),
    events.OrderAccepted(),
    events.ItemsOutOfStock((events.Missing("soba", 0),)),
    events.OrderReady(),
)
COMMANDS: tuple[domain.Command, ...] = (
    domain.Cancel("c-1"),
    domain.RetryPayment("c-1", "pm_card_visa"),
    domain.MarkReady("r-1"),
    domain.ReportOutOfStock("r-1", ("tea",)),
    domain.PickUp("k-1"),
    domain.PickUp("k-2"),
    domain.Deliver("k-1"),
    domain.Deliver("k-2"),
)
MOST_ATTEMPTS = 3

History = tuple[tuple[events.Fact, Order], ...]
"""The facts that made versions, and the order each of them made."""


@cache
def histories() -> tuple[History, ...]:
    """One history for every state: what the document says beside its versions."""
    first = _told((), decide(Order("o-1"), WISH))
    found = {_state(first): first}
    waiting = deque([first])
    while waiting:
        history = waiting.popleft()
        for following in _followers(history):
            if _state(following) not in found and following[-1][1].payment.attempt <= MOST_ATTEMPTS:
                found[_state(following)] = following
                waiting.append(following)
    return tuple(found.values())


def _followers(history: History) -> list[History]:
    order = history[-1][1]
    answers = [(fact, *decide(evolve(order, fact), fact)) for fact in (*FACTS, events.DeadlinePassed(order.since))]
    for command in COMMANDS:
        try:
            answers.append(tuple(decide(order, command)))
        except Refused:
            continue
    return [_told(history, facts) for facts in answers]


def _told(history: History, facts: tuple[events.Fact, ...] | list[events.Fact]) -> History:
    return (*history, *domain.advance(history[-1][1] if history else Order("o-1"), facts))


def _state(history: History) -> Order:
    return replace(history[-1][1], version=0, since=0)
