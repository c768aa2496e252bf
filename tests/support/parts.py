"""Postgres, broker and Connect of a test's own: local processes, or containers of the images that compose runs.

Containers when the whole system is in containers by name (RUNTIME=compose), or with DEMAE_PARTS=containers.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

PASSWORD = "test"
# A test's data need not outlive the machine.
FAST = {
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "max_replication_slots": "20",
    "max_wal_senders": "20",
}


class Parts(Protocol):
    """ "postgres", "kafka" and "connect": each runs once it was started, and all end with the block of `own_parts`."""

    @property
    def kafka(self) -> str:
        """The broker, for the host."""

    @property
    def connect_url(self) -> str:
        """Connect, for the host."""

    @property
    def database_for_connect(self) -> tuple[str, int]:
        """Host and port of Postgres, as Connect reaches it."""

    def database_url(self, role: str = "postgres", database: str = "postgres", password: str = PASSWORD) -> str:
        """Postgres, for the host; every role's password is PASSWORD."""

    def start(self, name: str) -> None:
        """Starts one, with the data it had. Waits until Postgres answers, and for nothing else."""

    def kill(self, name: str) -> None:
        """kill -9, and wait for the end; nobody starts it again."""

    def freeze(self, name: str) -> None:
        """It goes on existing, and does nothing."""

    def thaw(self, name: str) -> None:
        """The end of `freeze`."""


def in_containers(variables: Mapping[str, str]) -> bool:
    """What these variables choose."""
    chosen = variables.get("DEMAE_PARTS") or ("containers" if variables.get("RUNTIME") == "compose" else "processes")
    if chosen not in ("containers", "processes"):
        raise ValueError(f"DEMAE_PARTS={chosen}: it is containers or processes")
    return chosen == "containers"


@contextmanager
def own_parts(**settings: str) -> Iterator[Parts]:
    """Parts that do not run yet; at the end nothing of them is left. `settings` are Postgres's, beside FAST."""
    with _kind()({**FAST, **settings}) as parts:
        yield parts


def _kind() -> Callable[[Mapping[str, str]], AbstractContextManager[Parts]]:
    # The one needs no Java, the other no engine.
    if in_containers(os.environ):
        from tests.support.parts_containers import container_parts  # noqa: PLC0415

        return container_parts
    from tests.support.parts_processes import process_parts  # noqa: PLC0415

    return process_parts
