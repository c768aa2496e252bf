"""All that is known about one local system: where it lies, its secrets, its ports, its processes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from chassis.migrate import discover_roles
from local import ports, postgres
from runtime import discovery, keys, layout
from runtime import system as shared
from runtime.system import DATABASE


@dataclass(frozen=True)
class System:
    """`settings` are environment variables for every service; `without` names what a person runs elsewhere."""

    layout: layout.Layout
    keys: keys.Keys
    ports: ports.Ports
    processes: Sequence[discovery.Process]
    settings: Mapping[str, str]
    without: Sequence[str] = ()

    @property
    def cluster(self) -> postgres.Cluster:
        chosen = self.settings.get("MAX_SLOT_WAL_KEEP_SIZE")
        own = {"max_slot_wal_keep_size": chosen} if chosen else {}
        data, password = self.layout.state / "postgres", self.keys.database["postgres"]
        return postgres.Cluster(data, self.ports.postgres, password, own)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports.edge}"

    @property
    def connect_url(self) -> str:
        return f"http://127.0.0.1:{self.ports.connect}"

    @property
    def kafka(self) -> str:
        return f"127.0.0.1:{self.ports.kafka}"

    @property
    def provider_url(self) -> str:
        return f"http://127.0.0.1:{self.ports.provider}"

    @property
    def provider_log(self) -> Path:
        return self.layout.state / "provider.jsonl"

    @property
    def mark(self) -> str:
        """In the environment (DEMAE_MARK) of every process of this system, so that it can be swept."""
        return str(self.layout.state)

    def database_url(self, role: str) -> str:
        return self.cluster.url(role, DATABASE, self.keys.database[role])


def load(
    where: layout.Layout, settings: Mapping[str, str] | None = None, without: Sequence[str] | None = None
) -> System:
    """The system at `where`. What is None is as it was at the last `up`; the state folder must exist."""
    remembered = layout.recall(where.state)
    found = discovery.processes(where.root)
    roles = discover_roles(where.root / "services")
    places = ports.places([p.name for p in found], remembered.get("places", []))
    return System(
        layout=where,
        keys=keys.load(where.state, roles),
        ports=ports.Ports(where.offset, places),
        processes=found,
        settings=remembered.get("settings", {}) if settings is None else settings,
        without=remembered.get("without", []) if without is None else without,
    )


def remember(system: System) -> None:
    """Keeps the choices of this `up` for the commands after it."""
    shared.remember(system, runtime="local", places=list(system.ports.places))
