"""Waiting until all is ready."""

from collections.abc import Collection

import pytest

from runtime.errors import PartFailedError
from runtime.waiting import FAILURES, Reason, Waiting, shown


class Parts:
    """Two parts; what they say is in `said`, how often they were started in `starts`."""

    def __init__(self) -> None:
        self.said: dict[str, Reason] = {"kafka": "does not listen yet", "payment": None}
        self.starts = 0

    def reasons(self, names: Collection[str]) -> dict[str, Reason]:
        return {name: self.said[name] for name in names}

    def start(self, name: str) -> object:
        return self.starts

    def tail(self, name: str) -> str:
        return f"the log of {name}"


def test_ready_part_is_told_once() -> None:
    """The other stays."""
    told: list[str] = []
    waiting = Waiting(Parts(), ["kafka", "payment"], told.append)
    waiting.look(60)
    waiting.look(60)
    assert waiting.pending == ["kafka"]
    assert [line.split()[0] for line in told] == ["payment"]


def test_part_that_dies_is_named_early() -> None:
    """Long before its time is over, with its log."""
    parts = Parts()
    waiting = Waiting(parts, ["kafka"], print)
    with pytest.raises(PartFailedError, match=r"kafka does not start: it ended 3 times.*the log of kafka"):
        for parts.starts in range(FAILURES + 1):
            waiting.look(60)


def test_late_part_says_why() -> None:
    """Its own reason stands in the message."""
    with pytest.raises(PartFailedError, match="kafka did not get ready in 0 s: does not listen yet"):
        Waiting(Parts(), ["kafka"], print).look(0)


def test_others_may_come_later() -> None:
    """Again does no harm."""
    waiting = Waiting(Parts(), [], print)
    waiting.add("kafka")
    waiting.add("kafka")
    assert waiting.pending == ["kafka"]


def test_empty_log_is_said() -> None:
    """Instead of nothing."""
    assert "empty" in shown("")
