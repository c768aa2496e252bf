"""The ports of one system: all of them from one offset, so that checkouts live side by side."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from runtime.ports import Published

# The processes that people and the edge look for have the first numbers; the others follow in the order they came.
FIRST = ("api-http", "notifier", "provider")
HTTP, HEALTH, PLACES = 8001, 9000, 30


@dataclass(frozen=True)
class Ports(Published):
    """8000 to 8099 and 9000 to 9099, moved by `offset`. `places` says which process has which number."""

    places: Sequence[str]

    @property
    def provider(self) -> int:
        return self.http("provider")

    @property
    def controller(self) -> int:
        return 8093 + self.offset

    @property
    def supervisor(self) -> int:
        return 8099 + self.offset

    def http(self, process: str) -> int:
        return HTTP + self.places.index(process) + self.offset

    def health(self, process: str) -> int:
        return HEALTH + self.places.index(process) + self.offset


def places(processes: Iterable[str], remembered: Sequence[str]) -> list[str]:
    """Every process's number: those that were given stay, so that a new service moves nobody."""
    wanted = list(processes)
    kept = list(remembered or FIRST)
    given = [*kept, *(name for name in sorted(wanted) if name not in kept)]
    if len(given) > PLACES:
        raise SystemExit(f"{len(given)} processes, and room for {PLACES}: widen PLACES in deploy/local/ports.py")
    return given
