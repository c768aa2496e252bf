"""The circuit breaker in front of the provider: after a few troubles in a row nothing is asked for a while.

purgatory, because it does not hold a lock while the call runs (pybreaker does: eight parallel calls take turns).
"""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from prometheus_client import Gauge
from purgatory import SyncCircuitBreakerFactory
from purgatory.domain.model import CLOSED, OpenedState

from payment.provider import Unanswered

TROUBLES_MAX = 5  # in a row
OPEN_SECONDS = 2.0  # then one call is let through, and it decides

OPEN = Gauge("payment_circuit_open", "1 while the provider is in trouble, and asked by one call now and then only")

T = TypeVar("T")


class Circuit:
    """Thread-safe. Only `Unanswered` with trouble counts: a decline or one bad request is not its fault."""

    def __init__(self, troubles: int = TROUBLES_MAX, seconds: float = OPEN_SECONDS) -> None:
        self._breaker = SyncCircuitBreakerFactory().get_breaker("provider", troubles, seconds)
        self._seconds = seconds
        self._lock = threading.Lock()  # around its bookkeeping, not around the call
        self._probing = False

    def room(self, limit: int) -> int:
        """How many calls to begin now: `limit` while closed, none while open, one to find out when its time is over."""
        if self._probing:  # first: an old call's success may close it while `run` still lets one through only
            return 0
        context = self._breaker.context
        if context.state == CLOSED:
            return limit
        return 0 if time.time() < (context.opened_at or 0.0) + self._seconds else 1

    def run(self, call: Callable[[], T]) -> T:
        """The call's result; raises Unanswered, at once and without calling when the circuit is open."""
        with self._lock:
            probe = self._enter()
        trouble: Unanswered | None = None
        try:
            return call()
        except Unanswered as error:
            trouble = error if error.trouble else None
            raise
        finally:
            with self._lock:
                self._leave(trouble, probe)

    def _enter(self) -> bool:
        """Whether this call is the one that finds out; raises Unanswered when none may be made."""
        if self._probing:
            raise Unanswered("the circuit to the provider is open, and one call is finding out", trouble=False)
        try:
            self._breaker.__enter__()
        except OpenedState as error:
            raise Unanswered("the circuit to the provider is open", trouble=False) from error
        self._probing = self._breaker.context.state != CLOSED
        return self._probing

    def _leave(self, trouble: Unanswered | None, probe: bool) -> None:
        self._probing = self._probing and not probe
        self._breaker.__exit__(type(trouble) if trouble else None, trouble, None)
        OPEN.set(self._breaker.context.state != CLOSED)
