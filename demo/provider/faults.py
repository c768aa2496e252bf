"""Trouble on demand: which calls are answered badly, and how. Pure: the same seed does the same to the same calls.

For tests of what is on the other side. Whatever is done to a call, what was executed stands in the log.
"""

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import msgspec

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class Faults(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is to go wrong. Shares are of calls, those of `refuse_refunds` of intents; each is drawn by itself."""

    seed: int = 0
    seconds: Annotated[float, msgspec.Meta(gt=0)] | None = None  # then all is well again; None: until it is said
    unavailable: Share = 0.0  # 503, not executed
    lose_request: Share = 0.0  # the connection is closed, nothing was executed
    error_after: Share = 0.0  # executed, then 500
    save_error: Share = 0.0  # executed, then 500, and the idempotency key has no other answer any more
    lose_answer: Share = 0.0  # executed, then the connection is closed
    hang: Share = 0.0  # silent for `hang_seconds`, then as if nothing had been
    hang_seconds: Annotated[float, msgspec.Meta(ge=0, le=600)] = 10.0
    slow_ms: Annotated[int, msgspec.Meta(ge=0, le=600_000)] = 0  # every call
    refuse_refunds: Share = 0.0  # the charge is disputed, for good


class Fault(StrEnum):
    """What was done to a call, by the name of its member."""

    UNAVAILABLE = "unavailable"
    LOSE_REQUEST = "lose_request"
    ERROR_AFTER = "error_after"
    SAVE_ERROR = "save_error"
    LOSE_ANSWER = "lose_answer"
    HANG = "hang"
    REFUSE_REFUNDS = "refuse_refunds"


@dataclass(frozen=True, slots=True)
class Fate:
    """One call's: seconds of silence first, then perhaps no execution, then perhaps no answer."""

    wait: float = 0.0
    hangs: bool = False
    before: Fault | None = None  # UNAVAILABLE or LOSE_REQUEST: it is not executed
    after: Fault | None = None  # ERROR_AFTER, SAVE_ERROR or LOSE_ANSWER: it is


def fate(faults: Faults, name: str, count: int) -> Fate:
    """What becomes of the `count`-th call of this name: its idempotency key, or its path."""

    def drawn(fault: Fault, share: float) -> bool:
        return share > 0 and _draw(faults.seed, fault, name, count) < share

    hangs = drawn(Fault.HANG, faults.hang)
    wait = faults.slow_ms / 1000 + (faults.hang_seconds if hangs else 0.0)
    before = [(Fault.UNAVAILABLE, faults.unavailable), (Fault.LOSE_REQUEST, faults.lose_request)]
    after = [
        (Fault.SAVE_ERROR, faults.save_error),
        (Fault.ERROR_AFTER, faults.error_after),
        (Fault.LOSE_ANSWER, faults.lose_answer),
    ]
    return Fate(
        wait,
        hangs,
        next((fault for fault, share in before if drawn(fault, share)), None),
        next((fault for fault, share in after if drawn(fault, share)), None),
    )


def disputed(faults: Faults, intent: str) -> bool:
    """Whether the charge of this intent cannot be refunded any more."""
    return faults.refuse_refunds > 0 and _draw(faults.seed, Fault.REFUSE_REFUNDS, intent, 0) < faults.refuse_refunds


def _draw(seed: int, fault: Fault, name: str, count: int) -> float:
    """A number in [0, 1) that only these decide."""
    text = f"{seed} {fault} {count} {name}"
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=7).digest()) / (1 << 56)
