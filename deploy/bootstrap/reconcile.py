"""One round: everything that is missing is made, what is there is left alone."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bootstrap import database, keeping, kubernetes
from bootstrap.settings import ROOT, Settings
from chassis.kafka import Properties
from chassis.migrate import passwords_from_environment, roles
from chassis.topics import Topics, create_topics

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Access:
    """The server as its administrator, what the roles' passwords must be, and how the broker is reached."""

    admin_url: str
    passwords: Mapping[str, str]
    kafka: Properties


class Reconciler:
    """`tell` is given what was made, `note` what a person may want to know."""

    def __init__(self, settings: Settings, tell: Tell, note: Tell, root: Path = ROOT) -> None:
        self._settings = settings
        self._tell = tell
        self._note = note
        self._root = root
        self._services = root / "services"
        self._done: Access | None = None

    def round(self) -> None:
        """Raises Transient while something is not there yet, Fatal and psycopg.Error for a person."""
        access = self._access()
        name = self._settings.database_name
        # What is complete is only looked at: a GRANT that changes nothing makes every session plan its statements anew.
        if access != self._done or not database.complete(access.admin_url, name, self._services):
            for file in database.prepare(access.admin_url, name, self._services, access.passwords):
                self._tell(f"applied {file}")
            self._done = access
        wanted, copies = catalogue(self._root), self._settings.kafka_replication
        for topic in create_topics(self._settings.kafka_bootstrap, wanted, copies, access.kafka):
            self._tell(f"made topic {topic}")

    def _access(self) -> Access:
        known, kafka = self._settings, self._settings.kafka_client()
        if not known.secret_store:
            return Access(known.admin_database_url, passwords_from_environment(roles(self._services)), kafka)
        store = kubernetes.in_cluster()
        values = keeping.keep(
            store,
            self._services,
            known.database_name,
            known.postgres_address,
            self._tell,
            self._note,
            known.admin_database_url,
        )
        word = {"sasl.password": values.kafka} if values.kafka else {}
        return Access(values.admin_url, values.passwords, {**word, **kafka})


def catalogue(root: Path = ROOT) -> Topics:
    """The topics that the contracts know."""
    said: Topics = json.loads((root / "contracts" / "topics.json").read_text())
    return said
