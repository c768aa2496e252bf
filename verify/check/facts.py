"""The shapes in which evidence is kept: what tables, topics, the provider and clients say about one subject.

Arrays on the way through the temporary folder, so that the order of the fields is that of the statements which make
them (tables.py). Times are seconds since the epoch.
"""

import msgspec

from check.history import Shown


class Fact(msgspec.Struct, array_like=True, frozen=True):
    """Base of all kinds."""


class OrderRow(Fact, frozen=True):
    """api.orders."""

    version: int
    since: int
    open: bool
    customer: str
    restaurant: str
    courier: str | None
    due_tick: int | None
    document: str


class Placement(Fact, frozen=True):
    """api.placement: the customer's key that stands for the order."""

    customer: str
    key: str
    at: float


class JournalRow(Fact, frozen=True):
    """api.journal: a version of the order, and the fact that made it."""

    seq: int
    id: str
    type: str
    version: int
    payload: str
    data: str
    at: float


class OutboxRow(Fact, frozen=True):
    """Any service's outbox."""

    service: str
    seq: int
    id: str
    topic: str
    type: str
    payload: str
    source: str
    schema_version: int
    at: float


class Event(Fact, frozen=True):
    """A record of a topic of events. `digest` is of its value; `settled`: read before the tables were."""

    partition: int
    offset: int
    id: str
    type: str
    source: str
    schema_version: int
    digest: str
    at: float
    """When change data capture read it: after its commit."""
    settled: bool


class Pushed(Fact, frozen=True):
    """A record of orders.journal."""

    partition: int
    offset: int
    id: str
    type: str
    version: int
    digest: str
    at: float
    settled: bool


class PaymentRow(Fact, frozen=True):
    """payment.payment."""

    amount: int
    currency: str
    intent: str | None
    captured: bool
    ended: str | None
    settled: str | None
    tries: int
    due: bool


class JobRow(Fact, frozen=True):
    """delivery.job."""

    state: str
    courier: str | None
    n: int


class CourierRow(Fact, frozen=True):
    """delivery.courier, of a courier who has an order."""

    courier: str


class TicketRow(Fact, frozen=True):
    """restaurant.ticket."""

    state: str
    restaurant: str
    lines: str
    held: bool


class ParkedRow(Fact, frozen=True):
    """Any service's parked."""

    consumer: str
    topic: str
    partition: int
    offset: int
    event_id: str | None
    state: str
    error: str
    attempts: int
    at: float
    decided: float | None = None


class Charge(Fact, frozen=True):
    """A line of the provider's log about an intent of the order."""

    at: float
    type: str
    intent: str | None
    amount: int
    path: str
    status: int
    currency: str = ""
    """ISO 4217, small letters; empty where the answer names none."""


class Called(Fact, frozen=True):
    """A client's call and its answer. `file` and `line` are the place in a history: the order of one process."""

    file: int
    line: int
    answered: int
    """The answer's line; 0 without one."""
    at: float
    answered_at: float
    """0 without an answer."""
    do: str
    by: str
    role: str
    via: str
    key: str | None
    input: str | None
    outcome: str
    code: str | None
    shown: Shown | None
    attempt: int | None = None
    """Which card a retryPayment asked for, where the client numbers them."""


class Watched(Fact, frozen=True):
    """A client's subscription: one connection's."""

    file: int
    n: int
    by: str
    role: str
    after: int
    via: str
    began: float
    ended: float
    """The end's time; without an end, that of the history's last line."""
    outcome: str
    """Empty without an end."""
    listed: bool
    """A list of orders: every version is not promised."""


class Seen(Fact, frozen=True):
    """A version that a watch showed, or (`coalesced`) declared to leave out up to it."""

    file: int
    n: int
    line: int
    at: float
    coalesced: bool
    shown: Shown


class Poisoned(Fact, frozen=True):
    """A record that was put into the log on purpose."""

    what: str
    topic: str
    partition: int
    offset: int
    event_id: str | None
    type: str
    source: str
    consumers: tuple[str, ...] | None


class Decided(Fact, frozen=True):
    """A person's decision on a parked head."""

    what: str
    consumer: str
    topic: str
    partition: int
    offset: int


TAGS: dict[bytes, type[Fact]] = {
    b"O": OrderRow,
    b"L": Placement,
    b"J": JournalRow,
    b"X": OutboxRow,
    b"E": Event,
    b"V": Pushed,
    b"P": PaymentRow,
    b"D": JobRow,
    b"C": CourierRow,
    b"T": TicketRow,
    b"Q": ParkedRow,
    b"B": Charge,
    b"A": Called,
    b"W": Watched,
    b"S": Seen,
    b"Z": Poisoned,
    b"R": Decided,
}
"""One letter on each line tells what it is."""
TAG_OF = {kind: tag for tag, kind in TAGS.items()}

_encode = msgspec.json.Encoder().encode
_DECODERS = {tag: msgspec.json.Decoder(kind) for tag, kind in TAGS.items()}


def write(fact: Fact) -> tuple[bytes, bytes]:
    """(tag, json)."""
    return TAG_OF[type(fact)], _encode(fact)


def read(tag: bytes, json: bytes) -> Fact:
    """The fact of a line."""
    return _DECODERS[tag].decode(json)
