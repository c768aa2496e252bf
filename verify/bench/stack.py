"""The running system under measure, as the local runtime knows it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local import parts, supervise, system
from local.control import here
from runtime.errors import NotUpError
from runtime.system import DATABASE


class StackError(Exception):
    """There is nothing to measure; says why."""


@dataclass(frozen=True)
class Stack:
    """Addresses, secrets and process ids of one local system."""

    known: system.System
    pids: Mapping[str, int]
    """Part → process id, the supervisor too."""

    @property
    def url(self) -> str:
        return self.known.url

    @property
    def jwt_secret(self) -> str:
        return self.known.keys.jwt

    @property
    def kafka(self) -> str:
        return self.known.kafka

    @property
    def provider_log(self) -> Path:
        return self.known.provider_log

    @property
    def passwords(self) -> Mapping[str, str]:
        """Database passwords by role."""
        return self.known.keys.database

    def database(self, role: str, name: str = DATABASE, password: str | None = None) -> str:
        """A database's address for a role."""
        return self.known.cluster.url(role, name, password or self.passwords[role])

    def environment(self, name: str) -> dict[str, str]:
        """What the runtime gives the process called `name`."""
        [process] = [one for one in self.known.processes if one.name == name]
        return parts.environment(self.known, process)


def find() -> Stack:
    """The system that DEMAE_STATE names, or that of this checkout. Raises StackError when it is not up."""
    try:
        control = here()
        pids = {name: one.state.pid for name, one in control.running().items() if one.state.pid}
    except NotUpError as error:
        raise StackError(str(error)) from error
    supervisor = int(supervise.pidfile(control.system).read_text())
    return Stack(control.system, pids | {"supervisor": supervisor})
