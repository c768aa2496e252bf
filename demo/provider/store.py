"""The provider's memory: what it has answered, in a file that only grows.

One JSON line for each request that was executed, written (`write(2)`) before the request is answered, so `kill -9`
loses nothing that anybody was told. The file is not forced to the disk: a power cut may take the last lines, and this
provider is for development. The state is the fold of the answers in the file; nothing else is stored. A last line
without its end was never answered: it is cut off.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from provider.domain import Intent, intent_of
from provider.errors import CHARGE_DISPUTED

REFUSED = "request.refused"
KEY_KEPT_SECONDS = 24 * 3600  # Stripe may forget a key after 24 hours; checked when the file is read


class Line(msgspec.Struct, omit_defaults=True):
    """One executed request and its answer."""

    at: float  # seconds since the epoch
    type: str  # payment_intent.created, .succeeded, .payment_failed, .canceled, refund.created, request.refused
    request: str  # Request-Id
    path: str
    status: int
    body: msgspec.Raw  # the answer, as it was sent
    intent: str | None = None
    order_id: str | None = None  # the intent's metadata, so that the file can be judged without joining
    amount: int | None = None  # minor units that moved: captured or refunded
    key: str | None = None  # Idempotency-Key
    fingerprint: str | None = None  # of the request the key was first used with


@dataclass(frozen=True, slots=True)
class Saved:
    """Where the answer to an idempotency key stands in the file, and the request it belongs to."""

    fingerprint: str
    offset: int
    length: int


class Store:
    """The file, and what it adds up to. One thread; `append` blocks for a write to the page cache."""

    def __init__(self, path: Path, now: float) -> None:
        self.intents: dict[str, Intent] = {}
        self.keys: dict[str, Saved] = {}
        self.disputed: set[str] = set()  # intents whose charge cannot be refunded any more
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o640)
        self._encode = msgspec.json.Encoder().encode
        self._decode = msgspec.json.Decoder(Line).decode
        self._end = 0
        for raw in self._whole_lines(path):
            self._replay(raw, now)

    def append(self, line: Line, intent: Intent | None) -> None:
        """Make an answer durable against our own death, then make it true."""
        raw = self._encode(line) + b"\n"
        if self.write(raw) != len(raw):  # a full disk: nothing was answered yet, so take the half line back
            os.ftruncate(self._file, self._end)
            raise OSError("the provider's log could not be written in full")
        if intent is not None:
            self.intents[intent.id] = intent
        self._remember(line, len(raw))

    def write(self, raw: bytes) -> int:
        """Append to the file; the number of bytes that fitted."""
        return os.write(self._file, raw)

    def answer(self, saved: Saved) -> Line:
        """The line that holds the answer to a key."""
        return self._decode(os.pread(self._file, saved.length, saved.offset))

    def close(self) -> None:
        """Close the file. Nothing is buffered."""
        os.close(self._file)

    def _remember(self, line: Line, length: int) -> None:
        if line.type == REFUSED and line.intent and _code(line.body) == CHARGE_DISPUTED:
            self.disputed.add(line.intent)
        if line.key is not None and line.fingerprint is not None:
            self.keys[line.key] = Saved(line.fingerprint, self._end, length)
        self._end += length

    def _whole_lines(self, path: Path) -> Iterator[bytes]:
        with path.open("rb") as file:
            for raw in file:
                if raw.endswith(b"\n"):
                    yield raw
        if os.fstat(self._file).st_size > self._end:
            os.ftruncate(self._file, self._end)

    def _replay(self, raw: bytes, now: float) -> None:
        line = self._decode(raw)
        body = msgspec.json.decode(line.body)
        self._apply(body)
        if now - line.at > KEY_KEPT_SECONDS:
            line.key = None
        self._remember(line, len(raw))

    def _apply(self, body: dict[str, Any]) -> None:
        """An answer shows the whole intent it made: itself, inside an error, or as what a refund was taken from."""
        shown = body["error"].get("payment_intent") if "error" in body else body
        if shown is None:
            return
        if shown["object"] == "refund":
            before = self.intents[shown["payment_intent"]]
            self.intents[before.id] = replace(before, refunded=before.refunded + shown["amount"])
            return
        before_refunds = self.intents[shown["id"]].refunded if shown["id"] in self.intents else 0
        self.intents[shown["id"]] = intent_of(shown, before_refunds)


def _code(body: msgspec.Raw) -> str:
    """Of an error's answer."""
    code: str = msgspec.json.decode(body)["error"].get("code", "")
    return code
