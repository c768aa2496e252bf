"""One order's whole evidence in one line of time: every event with its place, repeats, tries, parkings and pushes."""

from collections.abc import Iterator
from datetime import UTC, datetime

from rich.table import Table
from rich.text import Text

from check.case import Case

Entry = tuple[float, str, str, str]
"""(When, source, what, details)."""


def history(case: Case) -> Table:
    """Everything, by time. Places are partition@offset."""
    shown = Table("time (UTC)", "from", "what", "", box=None, pad_edge=False)
    for at, source, what, details in sorted(entries(case)):
        shown.add_row(_time(at), Text(source, "cyan"), Text(what), Text(details, "dim"))
    return shown


def entries(case: Case) -> Iterator[Entry]:
    """In no order."""
    yield from _log(case)
    yield from _tables(case)
    yield from _provider(case)
    yield from _clients(case)


def _log(case: Case) -> Iterator[Entry]:
    first = {event.id: event for event in case.events}
    for event in case.records:
        where = f"{event.partition}@{event.offset}, id {event.id or 'missing'}, source {event.source or 'missing'}"
        again = "" if first.get(event.id) is event or not event.id else "again: "
        yield event.at, "orders.events", f"{again}{event.type or 'a record'}", where
    for record in case.pushed:
        where = f"{record.partition}@{record.offset}, by {record.id}"
        yield record.at, "orders.journal", f"version {record.version} ({record.type})", where


def _tables(case: Case) -> Iterator[Entry]:
    for row in case.outbox:
        yield row.at, f"{row.service}.outbox", row.type, f"seq {row.seq}, id {row.id}, {row.payload}"
    for version in case.journal:
        made = case.documents.get(version.version)
        what = f"{made.status}, payment {made.payment.status}" if made else "no document"
        yield version.at, "api.journal", f"version {version.version}: {what}", f"seq {version.seq}, by {version.type}"
    for parked in case.parked:
        where = f"{parked.topic} {parked.partition}@{parked.offset}, {parked.attempts} tries, {parked.error}"
        yield parked.at, f"{parked.consumer}.parked", parked.state, where


def _provider(case: Case) -> Iterator[Entry]:
    for line in case.charges:
        amount = f"{line.amount}, " if line.amount else ""
        yield line.at, "the provider", line.type, f"{amount}{line.path} {line.status}, intent {line.intent}"


def _clients(case: Case) -> Iterator[Entry]:
    for call in case.calls:
        answer = f"{call.outcome} {call.code or ''}".strip()
        version = f", version {call.shown.version}" if call.shown else ""
        yield call.at, f"{call.by} ({call.role})", call.do, f"{answer}{version}"
    for watch in case.watches:
        who = f"{watch.by} ({watch.role})"
        yield watch.began, who, f"watches after {watch.after}", f"{watch.via}, until {watch.outcome or 'nobody knows'}"
        for seen in case.seen.get((watch.file, watch.n), []):
            yield seen.at, who, f"was shown version {seen.shown.version}", seen.shown.status or ""


def state(case: Case) -> Table:
    """What the services' rows say now."""
    shown = Table("row", "", box=None, pad_edge=False, show_header=False)
    rows = (
        (
            "api.orders",
            case.now and f"{case.now.status}, payment {case.now.payment.status}, version {case.now.version}",
        ),
        ("payment.payment", case.payment),
        ("delivery.job", case.job),
        ("delivery.courier", ", ".join(case.couriers) or None),
        ("restaurant.ticket", case.ticket),
    )
    for name, row in rows:
        shown.add_row(Text(name, "cyan"), str(row) if row else "nothing")
    return shown


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S.%f")[:-3]
