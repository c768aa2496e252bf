"""The ports of one system: all of them from one offset, so that checkouts live side by side."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import psutil

from runtime.errors import PortTaken

# The processes that people and the edge look for have the first numbers; the others follow in the order they came.
FIRST = ("api-http", "notifier", "provider")
HTTP, HEALTH, PLACES = 8001, 9000, 30
SHOWN = 3  # lines of a message about many taken ports


@dataclass(frozen=True)
class Ports:
    """8000 to 8099 and 9000 to 9099, moved by `offset`. `places` says which process has which number."""

    offset: int
    places: Sequence[str]

    @property
    def edge(self) -> int:
        return 8000 + self.offset

    @property
    def postgres(self) -> int:
        return 8032 + self.offset

    @property
    def connect(self) -> int:
        return 8083 + self.offset

    @property
    def kafka(self) -> int:
        return 8092 + self.offset

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


def refuse_taken(wanted: Mapping[str, int], own: str) -> None:
    """Raises PortTaken when somebody listens on a port of `wanted` (who → port). `own` is this system's mark."""
    holders = _listeners()
    taken = {who: port for who, port in wanted.items() if port in holders}
    if not taken:
        return
    lines = [f"Port {port} ({who}) is taken by {_describe(holders[port], own)}." for who, port in taken.items()]
    if len(lines) > SHOWN + 1:
        lines[SHOWN:] = [f"So are {len(lines) - SHOWN} more."]
    advice = "Stop it, or move all ports of this system: DEMAE_PORT_OFFSET=100 make up"
    raise PortTaken("\n".join([*lines, advice]))


def _listeners() -> dict[int, int | None]:
    """Port → process id of everything that listens; an id is None where the system does not tell."""
    try:
        found = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:  # macOS tells only root
        return {}
    return {c.laddr.port: c.pid for c in found if c.status == psutil.CONN_LISTEN and c.laddr}


def _describe(pid: int | None, own: str) -> str:
    if pid is None:
        return "a process of another user"
    try:
        process = psutil.Process(pid)
        name, mark = process.name(), process.environ().get("DEMAE_MARK")
    except psutil.Error:
        return f"process {pid}"
    if mark == own:
        return f"{name} (pid {pid}), left over from this system: `make down` sweeps it"
    return f"{name} (pid {pid}) of the demae in {mark}" if mark else f"{name} (pid {pid})"
