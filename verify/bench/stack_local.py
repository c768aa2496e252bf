"""A system of local processes under measure."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local import parts, supervise, system
from local.control import here
from runtime import layout
from runtime.system import DATABASE


@dataclass(frozen=True)
class LocalStack:
    """`bench.stack.Stack` of deploy/local."""

    known: system.System
    pids: Mapping[str, int]

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
    def layout(self) -> layout.Layout:
        return self.known.layout

    @property
    def passwords(self) -> Mapping[str, str]:
        return self.known.keys.database

    @property
    def provider_log(self) -> Path:
        return self.known.provider_log

    def database(self, role: str, name: str = DATABASE, password: str | None = None) -> str:
        return self.known.cluster.url(role, name, password or self.passwords[role])

    def environment(self, process: str) -> Mapping[str, str]:
        [one] = [one for one in self.known.processes if one.name == process]
        return parts.environment(self.known, one)


def find_local() -> LocalStack:
    """Raises NotUpError."""
    control = here()
    pids = {name: one.state.pid for name, one in control.running().items() if one.state.pid}
    supervisor = int(supervise.pidfile(control.system).read_text())
    return LocalStack(control.system, pids | {"supervisor": supervisor})
