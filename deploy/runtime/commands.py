"""What every runtime can be told; the Makefile's targets are these."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Choices:
    """What a person says to `make up`: see `runtime.system.System`. `opened` None: as it was."""

    settings: Mapping[str, str]
    without: Sequence[str]
    opened: bool | None = None


class Commands(Protocol):
    """One system, ready to be told. Raises Refusal, and SystemExit, with a message for a person."""

    def up(self, *, quiet: bool) -> None:
        """From nothing, or from anything, to a running system; then a first order, unless `quiet`."""

    def down(self) -> None:
        """Stops everything and keeps the data."""

    def clean(self) -> None:
        """Stops everything and forgets the data."""

    def status(self) -> int:
        """Prints one line for each process; -> 0 when all are ready, 1 when not, 3 when nothing runs."""

    def logs(self, names: Sequence[str]) -> None:
        """Follows the logs of these, or of all."""

    def psql(self, role: str, arguments: Sequence[str]) -> None:
        """Opens the database with the rights of `role`."""

    def run(self, name: str) -> None:
        """Runs one process in the foreground, in place of the supervised one."""
