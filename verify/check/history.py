"""Client histories: what a client asked, was answered and was shown, as JSON lines. The format: README.md.

One file for each process, only ever appended to, a line a system call: what was written before a kill is there after
it. A half last line is what the kill cut off; readers leave it out. A call without an answer is one of unknown outcome.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

FORMAT = 1

Order = Mapping[str, Any]
"""An order as GraphQL shows it to a client, with `id` and `version`; other members as far as they were selected."""


class Shown(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a client was shown of an order: whose it is, and where it stands."""

    order: str
    version: int
    status: str | None = None
    payment: str | None = None
    reason: str | None = None
    customer: str | None = None
    restaurant: str | None = None
    courier: str | None = None


def shown(order: Order) -> Shown:
    """From the client's JSON. Members that were not selected are left out."""
    return Shown(
        order=order["id"],
        version=order["version"],
        status=order.get("status"),
        payment=(order.get("payment") or {}).get("status"),
        reason=(order.get("cancellation") or {}).get("reason"),
        customer=order.get("customerId"),
        restaurant=order.get("restaurantId"),
        courier=order.get("courierId"),
    )


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of a history, of any kind. `n` ties together the lines of one call, watch or fault of this file."""

    kind: str
    at: float
    """Seconds since the epoch, by the client's clock."""
    n: int = 0
    client: str | None = None
    do: str | None = None
    by: str | None = None
    role: str | None = None
    order: str | None = None
    after: int = 0
    via: str | None = None
    key: str | None = None
    input: str | None = None
    outcome: str | None = None
    code: str | None = None
    shown: Shown | None = None
    what: str | None = None
    part: str | None = None
    topic: str | None = None
    partition: int | None = None
    offset: int | None = None
    event_id: str | None = None
    type: str | None = None
    source: str | None = None
    consumers: tuple[str, ...] | None = None
    detail: dict[str, Any] = {}
    format: int = FORMAT


def digest(restaurant_id: str, items: Mapping[str, int], payment_method: str) -> str:
    """The same for the same wish, whatever the order of its lines."""
    wish = [restaurant_id, sorted(items.items()), payment_method]
    return hashlib.sha256(msgspec.json.encode(wish)).hexdigest()[:16]


class Recorder:
    """Writes one process's history. Any thread; nothing is buffered."""

    def __init__(self, path: Path, client: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self._numbers = itertools.count(1)
        self._encoder = msgspec.json.Encoder()
        self.write("client", client=client)

    def __enter__(self) -> Recorder:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _tb: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """No line may follow."""
        os.close(self._file)

    def write(self, kind: str, **members: Any) -> None:
        """One line, now."""
        # A line feed first: behind the half line of a process killed before, it begins a line of its own.
        os.write(self._file, b"\n" + self._encoder.encode(Line(kind, time.time(), **members)) + b"\n")

    def place(self, customer: str, key: str, wish: str) -> Call:
        """`placeOrder` by this idempotency key, about to be sent; `wish` is the `digest` of its input."""
        return self._call(do="placeOrder", by=customer, role="customer", key=key, input=wish)

    def act(self, do: str, by: str, role: str, order: str | None = None, **detail: Any) -> Call:
        """Any other mutation, by its name in the schema, about to be sent."""
        return self._call(do=do, by=by, role=role, order=order, detail=detail)

    def read(self, by: str, role: str, order: str, via: str = "graphql") -> Call:
        """A query of one order, about to be sent. `via`: graphql | rest."""
        return self._call(do="read", by=by, role=role, order=order, via=via)

    def watch(self, by: str, role: str, order: str | None, after: int, via: str = "ws") -> Watch:
        """One subscription on one connection, about to be sent; `order` None: a list. `via`: ws | sse | poll."""
        n = next(self._numbers)
        self.write("watch", n=n, by=by, role=role, order=order, after=after, via=via)
        return Watch(self, n, order)

    def fault(self, what: str, part: str, **detail: Any) -> Fault:
        """Something is about to be disturbed on purpose: `kill` of `payment`, `stop` of `connect`, …"""
        n = next(self._numbers)
        self.write("fault", n=n, what=what, part=part, detail=detail)
        return Fault(self, n)

    def poison(
        self,
        what: str,
        place: tuple[str, int, int],
        key: str,
        *,
        kind: str,
        source: str,
        **more: Any,
    ) -> None:
        """A record that cannot be handled was put into the log at (topic, partition, offset).

        `key` as consumers tell it ("" for a null key); `consumers=(…)` names who cannot handle it, by default everybody
        who handles its type; `event_id=…` is its ce_id, if it has one.
        """
        topic, partition, offset = place
        self.write(
            "poison",
            what=what,
            topic=topic,
            partition=partition,
            offset=offset,
            key=key,
            type=kind,
            source=source,
            **more,
        )

    def decided(self, what: str, consumer: str, place: tuple[str, int, int], key: str) -> None:
        """A person's decision on a parked head was made: `released` or `discarded`."""
        topic, partition, offset = place
        self.write("decided", what=what, part=consumer, topic=topic, partition=partition, offset=offset, key=key)

    def note(self, text: str, **detail: Any) -> None:
        """For a person who reads the file."""
        self.write("note", what=text, detail=detail)

    def _call(self, **members: Any) -> Call:
        n = next(self._numbers)
        self.write("call", n=n, **members)
        return Call(self, n)


class Call:
    """A call on its way; exactly one of its methods is to be called when there is an answer, or none will come."""

    def __init__(self, recorder: Recorder, n: int) -> None:
        self._recorder = recorder
        self._n = n

    def ok(self, order: Order | None = None) -> None:
        """It was done; `order` as it was answered. A read that found nothing is `ok()` too."""
        self._recorder.write("answer", n=self._n, outcome="ok", shown=shown(order) if order else None)

    def refused(self, code: str) -> None:
        """It was not done, and never will be: a userError's code, or that of an `errors` entry that says so."""
        self._recorder.write("answer", n=self._n, outcome="refused", code=code)

    def unknown(self, why: str) -> None:
        """Nobody knows whether it was done: no answer, a time-out, a 5xx."""
        self._recorder.write("answer", n=self._n, outcome="unknown", code=why)


class Watch:
    """One subscription on one connection."""

    def __init__(self, recorder: Recorder, n: int, order: str | None) -> None:
        self._recorder = recorder
        self._n = n
        self._order = order

    def push(self, order: Order) -> None:
        """A version was shown. `id` may be left out where one order is watched."""
        given = order if "id" in order else {**order, "id": self._order}
        self._recorder.write("push", n=self._n, shown=shown(given))

    def coalesced(self, upto: int) -> None:
        """The server declared that it leaves out the versions before this one."""
        self._recorder.write("coalesced", n=self._n, after=upto)

    def end(self, how: str, code: str = "") -> None:
        """`complete`: the server says all is told; `lost`: the connection; `refused`; `left`: this side had enough."""
        self._recorder.write("end", n=self._n, outcome=how, code=code)


class Fault:
    """A disturbance on its way."""

    def __init__(self, recorder: Recorder, n: int) -> None:
        self._recorder = recorder
        self._n = n

    def healed(self) -> None:
        """The cause is taken away: started again, resumed. A kill heals by itself."""
        self._recorder.write("healed", n=self._n)

    def recovered(self) -> None:
        """It works again, as its users see it; how long that took counts from `healed`, else from the fault."""
        self._recorder.write("recovered", n=self._n)


def files(places: Sequence[Path]) -> list[Path]:
    """The histories in these files and folders, by name."""
    found = [sorted(place.glob("**/*.jsonl")) if place.is_dir() else [place] for place in places]
    return list(itertools.chain.from_iterable(found))


def lines(path: Path) -> Iterator[Line]:
    """The whole lines of a history, in order; members of a later format are left out."""
    decode = msgspec.json.Decoder(Line).decode
    with path.open("rb") as file:
        for raw in file:
            # What a kill cut off may stand in the middle of the file: the process was started again and wrote on.
            with suppress(msgspec.DecodeError):
                if raw.endswith(b"\n"):
                    yield decode(raw)
