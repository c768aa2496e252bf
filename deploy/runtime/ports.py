"""What a system listens on for people and tools, and a refusal when somebody is there already."""

from collections.abc import Mapping
from dataclasses import dataclass

import psutil

from runtime.errors import PortTaken

SHOWN = 3  # lines of a message about many taken ports


@dataclass(frozen=True)
class Published:
    """The ports that are the same in every runtime, moved by `offset`."""

    offset: int

    @property
    def edge(self) -> int:
        return 8000 + self.offset

    @property
    def provider(self) -> int:
        return 8003 + self.offset

    @property
    def postgres(self) -> int:
        return 8032 + self.offset

    @property
    def connect(self) -> int:
        return 8083 + self.offset

    @property
    def kafka(self) -> int:
        return 8092 + self.offset


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
