"""The containers of a system as the engine sees them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from containers.system import System

PROJECT, SERVICE, ONCE = "com.docker.compose.project", "com.docker.compose.service", "com.docker.compose.oneoff"


@dataclass(frozen=True)
class Container:
    """`status` is the engine's word: created, running, paused, restarting, exited; `pid` is 0 without a process.

    `since` is seconds since 1970, `restarts` how often its restart policy has acted.
    """

    id: str
    name: str
    status: str
    pid: int
    since: float
    code: int
    restarts: int
    image: str
    once: bool = False

    @property
    def running(self) -> bool:
        return self.status in ("running", "restarting")


def containers(system: System) -> dict[str, Container]:
    """Process → its container, of all that there are; those of `make run` are not among them."""
    return {one.name: one for one in everything(system) if not one.once}


def everything(system: System) -> list[Container]:
    """Also those that a person started beside the project's own."""
    found = system.engine.ask("ps", "--all", "--quiet", "--no-trunc", "--filter", f"label={PROJECT}={system.project}")
    return [_read(one) for one in system.engine.inspect("container", found.split())]


def volumes(system: System) -> list[str]:
    """Where its data is, up or down."""
    return system.engine.ask("volume", "ls", "--quiet", "--filter", f"label={PROJECT}={system.project}").split()


def _read(one: Mapping[str, Any]) -> Container:
    state, labels = one["State"], one["Config"]["Labels"]
    return Container(
        id=one["Id"],
        name=labels[SERVICE],
        status=state["Status"],
        pid=state["Pid"],
        since=_seconds(state["StartedAt"]),
        code=state["ExitCode"],
        restarts=one["RestartCount"],
        image=one["Image"],
        once=labels.get(ONCE) == "True",
    )


def _seconds(text: str) -> float:
    """The engine writes nanoseconds, and the year 1 for never."""
    return 0.0 if text.startswith("0001") else datetime.fromisoformat(f"{text[:19]}+00:00").timestamp()
