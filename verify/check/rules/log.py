"""I5: the topic is the outboxes, in their order; and nothing else."""

from collections.abc import Iterator

from check.case import Breach, Case
from check.facts import Event, JournalRow, OutboxRow
from check.topics import JOURNAL, digest
from check.world import World

PRUNED_SECONDS = 60.0  # around the oldest row that is left, what has been pruned is not known to the second


def told(case: Case, world: World) -> Iterator[Breach]:
    """I5."""
    for sentence in (*_events(case, world), *_order(case), *_documents(case)):
        yield Breach("I5", case.id, sentence)


def _events(case: Case, world: World) -> Iterator[str]:
    for record in case.genuine:
        row = case.written.get(record.id)
        if row is not None and _differs(record, row):
            yield f"{_name(record)} is not what {row.service} wrote"
    for event in case.events:
        if event.id not in case.written and event.settled and not _pruned(event, world):
            yield f"aborted read (G1a): {_name(event)} is in nobody's outbox"
    ids = {event.id for event in case.records}
    for row in case.outbox:
        if row.id not in ids:
            yield f"lost event: {row.type} {row.id} of {row.service} (seq {row.seq}) never came out"
    if len({record.partition for record in case.genuine}) > 1:
        yield "one key's records lie in several partitions"


def _differs(event: Event, row: OutboxRow) -> bool:
    said = (event.type, event.source, event.schema_version, event.digest)
    return said != (row.type, row.source, row.schema_version, digest(row.payload.encode()))


def _pruned(event: Event, world: World) -> bool:
    """Older than what the outbox still holds."""
    oldest = world.pruned.get(event.source)
    return oldest is not None and event.at < oldest + PRUNED_SECONDS


def _order(case: Case) -> Iterator[str]:
    """Per source, in the order of seq, after repeats are dropped."""
    seq = {row.id: row.seq for row in case.outbox}
    for service in {row.service for row in case.outbox}:
        mine = {row.id for row in case.outbox if row.service == service}
        order = [seq[event.id] for event in case.events if event.id in mine]
        if order != sorted(order):
            yield f"the events of {service} came out in another order than they were written: seq {order}"


def _documents(case: Case) -> Iterator[str]:
    """The journal is an outbox table, too."""
    versions = {(row.id, row.version): row for row in case.journal}
    records = {(record.id, record.version): record for record in reversed(case.pushed)}
    for (fact, version), record in records.items():
        row = versions.get((fact, version))
        where = f"version {version} at {JOURNAL} {record.partition}@{record.offset}"
        if row is None and record.settled:
            yield f"aborted read (G1a): {where} is not in the journal"
        elif row is not None and _other(record.type, record.digest, row):
            yield f"{where} is not the document that was written"


def _other(kind: str, digested: str, row: JournalRow) -> bool:
    return (kind, digested) != (row.type, digest(row.payload.encode()))


def _name(event: Event) -> str:
    return f"{event.type or 'a record'} {event.id or 'without an id'} at {event.partition}@{event.offset}"
