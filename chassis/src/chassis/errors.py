"""The error tree, by what the caller must do: retry in place, set one event aside, or stop."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chassis.envelope import Received


class Transient(Exception):
    """The world outside is in trouble (database, broker, provider): the same work is right again later."""


class Poison(Exception):
    """`event` can never be handled as it is: it is parked with this reason, and its key waits behind it."""

    def __init__(self, reason: str, event: Received) -> None:
        super().__init__(reason)
        self.event = event


class Fatal(Exception):
    """This process cannot go on without a human or another configuration: it stops with a non-zero exit code."""
