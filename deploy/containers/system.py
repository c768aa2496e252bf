"""All that is known about one system in containers: where it lies, its secrets, its ports, its compose project."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chassis.migrate import discover_roles
from containers.engine import Engine
from runtime import discovery, keys, layout
from runtime import system as shared
from runtime.errors import Refusal
from runtime.ports import Published
from runtime.system import DATABASE

# Beside our own processes, in the order of starting.
INFRASTRUCTURE = ("postgres", "kafka", "edge", "connect")


@dataclass(frozen=True)
class System:
    """`settings` are variables for every service; `without` names what a person runs elsewhere.

    `opened`: database, broker, Connect and provider are published on the host as well (compose.open.yaml).
    """

    layout: layout.Layout
    keys: keys.Keys
    processes: Sequence[discovery.Process]
    settings: Mapping[str, str]
    without: Sequence[str] = ()
    opened: bool = False
    project: str = ""
    engine: Engine = field(default_factory=Engine)

    @property
    def ports(self) -> Published:
        return Published(self.layout.offset)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports.edge}"

    @property
    def ws_url(self) -> str:
        return f"ws://127.0.0.1:{self.ports.edge}/graphql"

    @property
    def kafka(self) -> str:
        """The broker for the host; when `opened`."""
        return f"127.0.0.1:{self.ports.kafka}"

    @property
    def connect_url(self) -> str:
        """Connect for the host; when `opened`."""
        return f"http://127.0.0.1:{self.ports.connect}"

    @property
    def provider_url(self) -> str:
        """The payment provider for the host; when `opened`."""
        return f"http://127.0.0.1:{self.ports.provider}"

    @property
    def secrets(self) -> Path:
        return self.layout.state / "secrets"

    @property
    def names(self) -> list[str]:
        """Every process, in the order of starting."""
        return [*INFRASTRUCTURE, *(process.name for process in self.processes)]

    def database_url(self, role: str, database: str = DATABASE) -> str:
        """The database for the host; when `opened`."""
        return f"postgresql://{role}:{self.keys.database[role]}@127.0.0.1:{self.ports.postgres}/{database}"

    def wanted(self) -> list[str]:
        """Those that `make up` starts."""
        mine = [p.name for p in self.processes if p.autostart and not shared.left_out(self, p)]
        return [*INFRASTRUCTURE, *mine]

    def left_out(self) -> list[str]:
        """Those that a person runs elsewhere."""
        return [p.name for p in self.processes if shared.left_out(self, p)]


def load(
    where: layout.Layout,
    settings: Mapping[str, str] | None = None,
    without: Sequence[str] | None = None,
    opened: bool | None = None,
    project: str = "",
) -> System:
    """The system at `where`. What is None is as it was at the last `up`; the state folder must exist.

    Raises Refusal for a copy of another system's folder: both would be one project, forgotten by one `clean`.
    """
    remembered = layout.recall(where.state)
    _refuse_copy(where.state, remembered)
    return System(
        layout=where,
        keys=keys.load(where.state, discover_roles(where.root / "services")),
        processes=discovery.processes(where.root),
        settings=remembered.get("settings", {}) if settings is None else settings,
        without=remembered.get("without", []) if without is None else without,
        opened=remembered.get("opened", False) if opened is None else opened,
        project=project or remembered.get("project") or f"demae-{_short(where.state)}",
    )


def remember(system: System) -> None:
    """Keeps the choices of this `up` for the commands after it."""
    folder = str(system.layout.state)
    shared.remember(system, runtime="compose", opened=system.opened, project=system.project, folder=folder)


def _refuse_copy(state: Path, remembered: Mapping[str, Any]) -> None:
    """A folder that was moved is no copy: nothing is left where it was."""
    first = Path(remembered.get("folder", state))
    if layout.recall(first).get("project") == remembered.get("project") and first.resolve() != state.resolve():
        raise Refusal(f"{state} is a copy of {first}, whose containers and data these are. Begin anew: rm -r '{state}'")


def _short(state: Path) -> str:
    return hashlib.sha256(str(state).encode()).hexdigest()[:6]
