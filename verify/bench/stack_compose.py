"""A system of containers under measure. Database and broker are published on this machine for it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from bench.stack import Known
from containers import system, up
from containers.control import Control
from containers.observe import Container
from runtime import layout
from runtime.system import DATABASE

PROVIDER_LOG = "/var/lib/provider/log.jsonl"
SHIM, DAEMON = "containerd-shim", "dockerd"


@dataclass(frozen=True)
class ComposeStack(Known):
    """`bench.stack.Stack` of deploy/containers."""

    known: system.System

    @property
    def kafka(self) -> str:
        return self.known.kafka

    @property
    def provider_log(self) -> Path:
        copy = self.layout.state / "provider.jsonl"
        provider = Control(self.known).containers()["provider"]
        self.known.engine.ask("cp", f"{provider.id}:{PROVIDER_LOG}", str(copy))
        return copy

    def database(self, role: str, name: str = DATABASE, password: str | None = None) -> str:
        return f"postgresql://{role}:{password or self.passwords[role]}@127.0.0.1:{self.known.ports.postgres}/{name}"

    def environment(self, process: str) -> Mapping[str, str]:
        service = next(one.module for one in self.known.processes if one.name == process)
        return {
            "PYTHONPATH": self.layout.python_path,
            "DATABASE_URL": self.database(service),
            "KAFKA_BOOTSTRAP": self.kafka,
            "HEALTH_HOST": "127.0.0.1",
            "HTTP_HOST": "127.0.0.1",
            "JWT_SECRET": self.jwt_secret,
        }


def find_compose(say: Callable[[str], None]) -> ComposeStack:
    """Publishes what a measurement speaks to, when that is not so already. Raises NotUpError, or what `up` raises."""
    where = layout.from_environment()
    known = system.load(where)
    Control(known).containers()
    if not known.opened:
        say("publishing database, broker, Connect, provider on 127.0.0.1, from now on (make up OPEN=0 takes it back)")
        known = replace(known, opened=True)
        up.bring(known)
    return ComposeStack(families(Control(known).containers().values()), known)


def families(parts: Iterable[Container]) -> dict[str, int]:
    """Each container with its shim, whose children its health probes are; and the engine with its proxies.

    Empty where containers are no processes of this machine.
    """
    found: dict[str, int] = {}
    for part in parts:
        if part.pid and (shim := _shim(part.pid)):
            found[part.name] = shim
    daemons = [one.pid for one in psutil.process_iter(["name"]) if one.info["name"] == DAEMON]
    return found | ({"engine": daemons[0]} if found and len(daemons) == 1 else {})


def _shim(pid: int) -> int | None:
    try:
        parent = psutil.Process(pid).parent()
        return parent.pid if parent and parent.name().startswith(SHIM) else None
    except psutil.Error:
        return None
