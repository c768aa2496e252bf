"""One round: everything that is missing is made, what is there is left alone."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from bootstrap import database, keeping, kubernetes
from bootstrap.settings import ROOT, Settings
from chassis.topics import Topics, create_topics

Tell = Callable[[str], None]


def reconcile(settings: Settings, tell: Tell, note: Tell, root: Path = ROOT) -> None:
    """Tells what it made. Raises Transient while something is not there yet, Fatal and psycopg.Error for a person."""
    services = root / "services"
    admin_url, passwords = _access(settings, services, tell, note)
    for name in database.prepare(admin_url, settings.database_name, services, passwords):
        tell(f"applied {name}")
    properties = settings.kafka_properties
    for name in create_topics(settings.kafka_bootstrap, catalogue(root), settings.kafka_replication, properties):
        tell(f"made topic {name}")


def catalogue(root: Path = ROOT) -> Topics:
    """The topics that the contracts know."""
    said: Topics = json.loads((root / "contracts" / "topics.json").read_text())
    return said


def _access(settings: Settings, services: Path, tell: Tell, note: Tell) -> tuple[str, Mapping[str, str] | None]:
    """The administrator's URL and the roles' passwords (None: as the environment says)."""
    if not settings.secret_store:
        return settings.admin_database_url, None
    store = kubernetes.in_cluster()
    values = keeping.keep(store, services, settings.database_name, settings.postgres_address, tell, note)
    return values.admin_url, values.passwords
