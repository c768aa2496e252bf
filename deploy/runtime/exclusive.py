"""One command at a time changes a system: two `make up` at once would start everything twice."""

import fcntl
from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from runtime.errors import BusyError
from runtime.system import System

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S", bound=System)


def exclusive(change: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
    """Refuses with BusyError while another process is inside such a function for the same state folder.

    The kernel lets go of the lock when its holder ends, however it ends.
    """

    @wraps(change)
    def alone(system: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with (system.layout.state / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise BusyError(f"Another command is changing {system.layout.state} now: wait for its end.") from None
            return change(system, *args, **kwargs)

    return alone
