"""When the log knows more than the tables: Postgres was restored to an earlier time, the topics were not.

What was published is known to clients and to the other services: it cannot be unsaid. So api does not start on tables
that have forgotten it: its next versions would contradict those. A person's word (`./demae recover`, table recovery)
lets the projector take them back from the topics: `orders.journal` has the order of the versions, `orders.events` their
facts. `evolve` makes the documents, and they must be those of the log, byte for byte.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from uuid import UUID

from api import events, recovered, store
from api.codec import text
from api.domain import Order, evolve, is_id
from api.reading import READS
from api.store import Allowances, Cause, Version
from chassis import inbox
from chassis.database import Database
from chassis.envelope import Reader, Reads, Received, Record, Unreadable, attributes, key_of
from chassis.errors import Fatal
from chassis.past import Past
from chassis.telemetry import log

JOURNAL, ORDERS, COURIERS = "orders.journal", "orders.events", "couriers.events"
CLOCKS = timedelta(minutes=1)  # by which those of Postgres and Connect may differ
MARGIN = timedelta(hours=1)  # between a fact's own time and its version's; one that waited longer is searched for
CHUNK = 500  # versions in one transaction
FACTS: Reads = {**events.WRITES, **READS}
DOCUMENTS: Reads = dict.fromkeys(FACTS, Order)
SHIFTS = {"shift_started": True, "shift_ended": False}


@dataclass
class Recovery:
    """What one partition's orders have missed. `orders`: as they are, then as they were; `ids`: facts they hold."""

    orders: dict[str, Order]
    ids: set[UUID]
    versions: list[Version] = field(default_factory=list)

    def take(self, fact: Received, document: str | None) -> None:
        """Folds a fact that is missing. Raises Fatal when it does not make the document that was published."""
        before = self.orders.get(fact.key, Order(fact.key))
        after = evolve(before, fact.data)
        if document is not None and text(after) != document:
            raise Fatal(f"order {fact.key}: {fact.type} makes another version {after.version} here than in the log")
        if after is not before:
            self.orders[fact.key] = after
            self.versions.append(Version(fact.data, after, Cause(fact.id, fact.traceparent), fact.at))
        self.ids.add(fact.id)


class Memory:
    """The two memories of the same orders: tables and topics. Raises Transient when one is away."""

    def __init__(self, database: Database, past: Past, allowances: Allowances) -> None:
        self._database = database
        self._past = past
        self._allowances = allowances
        self._facts, self._documents = Reader(FACTS), Reader(DOCUMENTS)

    def gap(self) -> str | None:
        """What the log knows and the tables do not, as a sentence; None when there is nothing.

        The connector of a restored database reads the tables again: what they know stands behind what they do not.
        So it is not the log's end that is looked at, but all that was published behind what the tables must have.
        """
        with self._database.transaction() as tx:
            until = recovered.whole_until(tx)
        records = self._past.since(JOURNAL, self._past.partitions(JOURNAL), until and until - CLOCKS)
        while some := list(islice(records, CHUNK)):
            if missing := self._first_missing(some):
                return (
                    f"the log has version {missing.data.version} of order {missing.key}, and the tables have not: "
                    "Postgres was restored to an earlier time; see docs/operations.md, then `./demae recover`"
                )
        with self._database.transaction() as tx:
            recovered.trust(tx)
        return None

    def _first_missing(self, records: Sequence[Record]) -> Received | None:
        by_id = {_id_of(record): record for record in records}
        made = [(key, fact) for fact, record in by_id.items() if is_id(key := key_of(record))]
        with self._database.transaction() as tx:
            known = recovered.known_of(tx, made)
        # Nearly all are known: only the others are read.
        others = (record for fact, record in by_id.items() if fact not in known)
        strange = [found for record in others if (found := self._document(record))]
        with self._database.transaction() as tx:
            ids = recovered.known_events(tx, sorted({document.key for document in strange}))
        return next((document for document in strange if document.id not in ids), None)

    def recover(self) -> int:
        """Takes back what is missing; -> versions. Raises Fatal; what was taken so far is in the tables."""
        with self._database.transaction() as tx:
            recovered.doubt(tx)
            until = recovered.whole_until(tx)
        since = until and until - MARGIN
        self._recover_shifts(self._past.since(COURIERS, self._past.partitions(COURIERS), since))
        return sum(self._recover_orders(number, since) for number in self._past.partitions(JOURNAL))

    def _recover_orders(self, number: int, since: datetime | None) -> int:
        """An order is in the same partition of both topics: same key, same number of partitions."""
        facts = list(self._facts_since(number, since))
        published = [
            (document, (record.value or b"").decode())
            for record in self._past.since(JOURNAL, [number], since)
            if (document := self._document(record))
        ]
        missing = self._missing(number, facts, published)
        for begin in range(0, len(missing.versions), CHUNK):
            self._save(missing.versions[begin : begin + CHUNK])
        return len(missing.versions)

    def _facts_since(self, number: int, since: datetime | None) -> Iterator[Received]:
        return (fact for record in self._past.since(ORDERS, [number], since) if (fact := self._fact(record)))

    def _missing(self, number: int, facts: Sequence[Received], published: Sequence[tuple[Received, str]]) -> Recovery:
        keys = sorted({document.key for document, _ in published} | {fact.key for fact in facts})
        with self._database.transaction() as tx:
            found = Recovery(recovered.orders(tx, keys), recovered.known_events(tx, keys))
        by_id = {fact.id: fact for fact in facts}
        # A fact that was set aside, or that a projector stood before, is older than the version it made.
        if older := {document.id for document, _ in published} - found.ids - by_id.keys():
            by_id |= {fact.id: fact for fact in self._facts_since(number, None) if fact.id in older}
        for document, body in published:
            if document.id in found.ids:
                continue
            if document.id not in by_id:
                raise Fatal(f"order {document.key}: the log has its version, and not the fact that made it")
            found.take(by_id[document.id], body)
        # At the very end of the log: said by api, its version still on the way. (What others said is read again.)
        for fact in facts:
            if fact.source == "api" and fact.type != "deadline_passed" and fact.id not in found.ids:
                found.take(fact, None)
        return found

    def _save(self, versions: Sequence[Version]) -> None:
        with self._database.transaction() as tx:
            if new := [version.order for version in versions if version.order.version == 1]:
                recovered.insert_forgotten(tx, new)
            store.save_versions(tx, versions, self._allowances)
            inbox.claim(tx, [version.cause.id for version in versions])  # the projector will read them again

    def _recover_shifts(self, records: Iterable[Record]) -> None:
        found = {
            key_of(one): on for one in records if (on := SHIFTS.get(attributes(one).get("ce_type", ""))) is not None
        }
        with self._database.transaction() as tx:
            recovered.set_shifts(tx, found)

    def _fact(self, record: Record) -> Received | None:
        return _read(self._facts, record)

    def _document(self, record: Record) -> Received | None:
        found = _read(self._documents, record)
        return found if found and found.source == "api" and found.data.id == found.key else None


def _read(reader: Reader, record: Record) -> Received | None:
    """None for what is not api's to know, or cannot be read: a consumer has set it aside, or will."""
    attrs = attributes(record)
    try:
        found = reader.read(record, attrs) if attrs.get("ce_type") in FACTS else None
        return found if found and is_id(found.key) else None
    except Unreadable:
        return None


def _id_of(record: Record) -> str:
    return attributes(record).get("ce_id", "").replace("\x00", "")


def obeyed(database: Database, memory: Memory) -> str | None:
    """Recovers when it was asked for, and there is something; -> what is still missing."""
    with database.transaction() as tx:
        wish = recovered.take_up(tx)
    gap = memory.gap()
    if wish is None:
        return gap
    versions, refused = None, None
    try:
        versions = memory.recover() if gap else 0
        log.warning("took back what the tables had forgotten", event_key="recovery.done", versions=versions)
    except Fatal as error:
        refused = str(error)
        log.critical("the recovery was given up", event_key="recovery.refused", reason=refused)
    with database.transaction() as tx:
        recovered.end(tx, wish, versions, refused)
    return memory.gap()
