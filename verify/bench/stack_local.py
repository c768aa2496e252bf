"""A system of local processes under measure."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.stack import Known
from local import parts, supervise, system
from local.control import here
from runtime.system import DATABASE


@dataclass(frozen=True)
class LocalStack(Known):
    """`bench.stack.Stack` of deploy/local."""

    known: system.System

    @property
    def kafka(self) -> str:
        return self.known.kafka

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
    return LocalStack(pids | {"supervisor": supervisor}, control.system)
