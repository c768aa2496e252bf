"""I7: each fact is said once; what ended is undone once, and nothing is begun on it any more."""

from collections import Counter
from collections.abc import Iterator

from check import contract
from check.case import Breach, Case
from check.documents import Document
from check.facts import Event
from check.world import World

RETOLD = frozenset({"deadline_passed"})  # may be asked again
NAMED_BY = {"payment_failed": "attempt", "payment_retry_requested": "attempt", "delivery_assigned": "n"}
"""What tells one such fact of an order from the next."""


def once(case: Case, _world: World) -> Iterator[Breach]:
    """I7: each fact is emitted once, and a cancelled order is settled by exactly one."""
    told = [event for event in case.events if event.type not in RETOLD]
    for (kind, which), times in Counter(_identity(case, event) for event in told).items():
        if times > 1:
            yield Breach("I7", case.id, f"{kind}{which} was emitted {times} times, under different ids")
    settlements = [event.type for event in told if event.type in contract.SETTLING]
    now = case.now
    if now is not None and now.status == contract.DELIVERED and settlements:
        yield Breach("I7", case.id, f"it was delivered, and {settlements[0]} was emitted")
    if now is not None and now.status == contract.CANCELLED and now.settled:
        wanted = contract.SETTLEMENTS[now.payment.status]
        if settlements != [wanted]:
            yield Breach("I7", case.id, f"its payment is {now.payment.status} by {settlements or 'no fact'}")


def _identity(case: Case, event: Event) -> tuple[str, str]:
    if event.type in contract.SETTLING:
        return "a settlement", ""
    member = NAMED_BY.get(event.type)
    if member is None:
        # The kitchen and its timer may both say that a dish is ready, or out.
        return event.type, f" by {event.source}" if event.type in ("order_ready", "items_out_of_stock") else ""
    which = case.data(event.id).get(member)
    return event.type, f" ({member} {which if which is not None else event.id})"


def undone(case: Case, world: World) -> Iterator[Breach]:
    """I7: every service that has read the end of an order is through with it."""
    now, close = case.now, case.close
    if now is None or close is None or not now.ended or not case.untouched:
        return
    if world.has_read("payment", close):
        yield from _told(case, _payment(case, now))
    if world.has_read("delivery", close):
        yield from _told(case, _delivery(case))
    if world.has_read("restaurant", close):
        yield from _told(case, _restaurant(case, now))
    yield from _told(case, _worked_on(case, close))


def _told(case: Case, sentences: Iterator[str]) -> Iterator[Breach]:
    return (Breach("I7", case.id, sentence) for sentence in sentences)


def _payment(case: Case, now: Document) -> Iterator[str]:
    row, end = case.payment, now.status.lower()
    if row is None or row.ended != end:
        yield f"payment does not remember that the order was {end}"
    elif row.settled is not None and end == "delivered":
        yield f"payment has {row.settled} a delivered order"


def _delivery(case: Case) -> Iterator[str]:
    row = case.job
    if row is None or row.state != "CLOSED":
        yield f"delivery's job is {row.state if row else 'not there'}, although the order is closed"
    if case.couriers:
        yield f"the courier is not free: {', '.join(case.couriers)} still has the order"


def _restaurant(case: Case, now: Document) -> Iterator[str]:
    row = case.ticket
    if row is None or row.state != "CLOSED":
        yield f"restaurant's ticket is {row.state if row else 'not there'}, although the order is closed"
        return
    said = {written.type for written in case.outbox} | {event.type for event in case.events}
    reserved = "order_accepted" in said
    cooked = now.status == contract.DELIVERED or "order_ready" in said
    if row.held and not reserved:
        yield "restaurant holds stock for an order that it never accepted"
    elif row.held and not cooked:
        yield "its stock was not given back, although the dish was not ready"
    elif reserved and cooked and not row.held:
        yield "its stock was given back, although the dish was made"


def _worked_on(case: Case, close: Event) -> Iterator[str]:
    """Work that began on what stands behind the end in the log: whoever did it had read the end before."""
    place = {event.id: number for number, event in enumerate(case.events)}
    end = place[close.id]
    cause = next((place[event.id] for event in case.of_type("payment_completed")), end)
    work = next((place[event.id] for event in case.of_type("delivery_assigned")), None)
    if cause > end and work is not None:
        yield "delivery gave a closed order a courier: it was paid only behind its end"
    verdict = next((e for e in case.of_type("order_accepted", "items_out_of_stock") if e.source == "restaurant"), None)
    if work is not None and work > end and verdict is not None:
        yield f"restaurant worked on a closed order ({verdict.type}): its courier came only behind its end"
    settled = next((place[event.id] for event in case.of_type(*contract.SETTLING)), len(place))
    for event in case.of_type("payment_completed", "payment_failed"):
        if place[event.id] > settled:
            yield f"payment said {event.type} after it had settled the order"
