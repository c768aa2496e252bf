"""One system, whichever way it runs: what is common to its processes, and what is remembered between commands."""

import os
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from runtime import layout
from runtime.discovery import Process
from runtime.errors import Refusal
from runtime.keys import Keys

DATABASE = "demae"
# A person's own settings, handed through to every service when they are set for `make up`.
PASSED = (
    *("ALLOWANCES", "KAFKA_PROPERTIES", "LOG_FORMAT", "LOG_LEVEL"),
    *("MAX_SLOT_WAL_KEEP_SIZE", "PARKED_CAP", "PARKED_CAP_SECONDS", "PROVIDER_URL"),
)


class System(Protocol):
    """`settings` are environment variables for every service; `without` names what a person runs elsewhere."""

    @property
    def layout(self) -> layout.Layout: ...

    @property
    def keys(self) -> Keys: ...

    @property
    def processes(self) -> Sequence[Process]: ...

    @property
    def settings(self) -> Mapping[str, str]: ...

    @property
    def without(self) -> Sequence[str]: ...

    @property
    def url(self) -> str:
        """The edge, without a slash at the end."""

    @property
    def provider_url(self) -> str:
        """The payment provider, for this machine; containers publish it when they are opened."""


def passed() -> dict[str, str]:
    """The settings that a person gave to this command."""
    return {name: os.environ[name] for name in PASSED if name in os.environ}


def remember(system: System, **more: Any) -> None:
    """Keeps the choices of this `up` for the commands after it."""
    where, settings, without = system.layout, dict(system.settings), list(system.without)
    layout.remember(where.state, offset=where.offset, settings=settings, without=without, **more)


def seeds(system: System) -> dict[str, Process]:
    """Service with a `seed.py` → one of its processes, whose environment the seed shares."""
    services = system.layout.root / "services"
    return {p.module: p for p in system.processes if p.service and (services / p.module / "seed.py").exists()}


def left_out(system: System, process: Process) -> bool:
    """Whether a person wants to run it elsewhere; the name of a service means all of its processes."""
    return process.name in system.without or (process.service and process.module in system.without)


def refuse_unknown(system: System) -> None:
    """A misspelt WITHOUT would start what a person wants to run elsewhere."""
    known = {name for p in system.processes for name in (p.name, p.module if p.service else p.name)}
    if unknown := sorted(set(system.without) - known):
        raise Refusal(f"WITHOUT={','.join(unknown)}: there is no such service; there are {', '.join(sorted(known))}.")
