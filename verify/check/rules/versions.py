"""I4, I6 and I12: an order's versions, the way from one to the next, and the journal as the store of its facts."""

from collections import Counter
from collections.abc import Iterator

from api.codec import fact_of, text
from api.domain import Order, evolve
from chassis.kafka import Place
from check import contract
from check.case import Breach, Case
from check.documents import Document
from check.facts import Event
from check.topics import JOURNAL
from check.world import World


def gapless(case: Case, world: World) -> Iterator[Breach]:
    """I4: 1..n in the journal and in its topic, in order."""
    numbers = [row.version for row in case.journal]
    known = case.order.version if case.order else 0
    if numbers != list(range(1, len(numbers) + 1)):
        yield Breach("I4", case.id, f"the journal has the versions {numbers}")
    elif known != len(numbers):
        yield Breach("I4", case.id, f"the order is at version {known}, its journal ends with {len(numbers)}")
    if sorted(row.seq for row in case.journal) != [row.seq for row in case.journal]:
        yield Breach("I4", case.id, "versions were not written in their order")
    if "topics" in world.sources and case.journal:
        yield from _in_topic(case, world, known)


def _in_topic(case: Case, world: World, known: int) -> Iterator[Breach]:
    seen: dict[tuple[str, int], None] = dict.fromkeys(
        (record.id, record.version) for record in case.pushed if record.settled or record.version <= known
    )
    versions = [version for _, version in seen]
    # What has expired lacks at the beginning.
    expired = any(world.begins.get(Place(JOURNAL, record.partition), 0) for record in case.pushed) or (
        not case.pushed and any(at for place, at in world.begins.items() if place.topic == JOURNAL)
    )
    first = versions[0] if expired and versions else 1
    if versions != list(range(first, known + 1)) and not (expired and not versions):
        yield Breach("I4", case.id, f"{JOURNAL} has the versions {versions}, the journal ends with {known}")


def legal(case: Case, _world: World) -> Iterator[Breach]:
    """I6: only legal transitions; terminal is final; one end."""
    status, paid, before = "", "", None
    for row in case.journal:
        now = case.documents.get(row.version)
        if now is None:
            yield Breach("I6", case.id, f"version {row.version} holds no document")
            return
        if before is not None and before.settled:
            yield Breach("I6", case.id, f"version {now.version} ({row.type}) follows on a settled order")
        for sentence in _step(status, paid, row.type, now):
            yield Breach("I6", case.id, f"version {now.version}: {sentence}")
        status, paid, before = now.status, now.payment.status, now
    ends = [one.type for one in case.events if one.type in ("order_delivered", "order_cancelled") and one.settled]
    if len(ends) > 1:
        yield Breach("I6", case.id, f"it ended {len(ends)} times: {', '.join(ends)}")


def _step(status: str, paid: str, event: str, now: Document) -> Iterator[str]:
    if contract.STEPS.get((status, event)) != now.status:
        yield f"{event} made {now.status} of {status or 'nothing'}"
    table = contract.UNDOING if status == contract.CANCELLED else contract.PAYMENTS
    if table.get((paid, event), paid) != now.payment.status:
        yield f"{event} made the payment {now.payment.status} of {paid or 'nothing'}"


def folded(case: Case, world: World) -> Iterator[Breach]:
    """I12: the fold of the journal's facts is the documents, byte for byte; nothing else changed the order.

    The one place where a rule of a service is asked: it is what is judged.
    """
    order, made = Order(case.id), [Order(case.id)]
    for row in case.journal:
        try:
            order = evolve(order, fact_of(row.type, row.data))
        except (KeyError, ValueError) as error:
            yield Breach("I12", case.id, f"the fact of version {row.version} ({row.type}) cannot be folded: {error!r}")
            return
        if text(order) != row.payload:
            yield Breach("I12", case.id, f"version {row.version} is not what the fold of its facts makes")
            return
        made.append(order)
    for fact, times in Counter(row.id for row in case.journal).items():
        if times > 1:
            yield Breach("I12", case.id, f"duplicate: the event {fact} made {times} versions")
    if case.order is not None and case.journal and case.order.document != case.journal[-1].payload:
        yield Breach("I12", case.id, "the order's document is not that of its last version")
    if "topics" in world.sources:
        yield from _of_topic(case, world, made)


def _of_topic(case: Case, world: World, made: list[Order]) -> Iterator[Breach]:
    """The journal's facts are in orders.events, and what would have changed the order there is in the journal."""
    ids = {event.id for event in case.events}
    for row in case.journal:
        if row.id not in ids and row.id not in case.written and not _forgotten(world):
            yield Breach("I12", case.id, f"version {row.version} was made by {row.type} {row.id}, which nobody wrote")
    at = {row.id: row.version for row in case.journal}
    for place, event in enumerate(case.events):
        if event.id not in at and _counts(case, world, event):
            # What stood before it in the log was decided before it was read; what api itself said later, perhaps not.
            earlier = [at[one.id] for one in case.events[:place] if one.id in at]
            later = [at[one.id] for one in case.events[place:] if one.id in at and one.source != "api"]
            possible = made[max(earlier, default=1) : min(later, default=len(made))]
            if possible and all(_changes(case, event, order) for order in possible):
                what = f"{event.type} at {event.partition}@{event.offset}"
                yield Breach("I12", case.id, f"lost update: {what} would have changed the order, and is in no version")


def _forgotten(world: World) -> bool:
    """The topic is kept for ever; one that was not lacks the beginning."""
    return any(at for place, at in world.begins.items() if place.topic == contract.ORDERS)


def _counts(case: Case, world: World, event: Event) -> bool:
    """Whether the aggregate had to fold it by now."""
    mine = "api" in contract.handled_by(event.type, event.source) and event.type != "deadline_passed"
    return mine and case.untouched and world.has_read("api", event) and event.id in case.written


def _changes(case: Case, event: Event, order: Order) -> bool:
    row = case.written[event.id]
    return evolve(order, fact_of(row.type, row.payload)) is not order
