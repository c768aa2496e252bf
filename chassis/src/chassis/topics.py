"""Topics: which there are, and the making of those that are missing."""

from __future__ import annotations

import time
from collections.abc import Mapping, Set
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from chassis.errors import Fatal, Transient
from chassis.kafka import QUIET, Properties

Topics = Mapping[str, Mapping[str, Any]]
"""Name → {"partitions": n, "config": {…}}"""

ASK_SECONDS = 10.0
LOOK_SECONDS = 0.05
# A broker that was reached and refuses. The client itself only says that it has none; its connections say why.
REFUSED = (KafkaError._AUTHENTICATION, KafkaError._SSL)


class Unreachable(Transient):
    """No broker is there to answer."""


def partitions(bootstrap: str, properties: Properties | None = None, seconds: float = ASK_SECONDS) -> dict[str, int]:
    """Every topic that this client may see → its number of partitions.

    Raises Unreachable when no broker is there within `seconds`, Transient when one refuses (password, certificate).
    """
    return _partitions(_Client(bootstrap, properties or {}), seconds)


def create_topics(
    bootstrap: str, wanted: Topics, replication: int = 1, properties: Properties | None = None
) -> list[str]:
    """Create the topics that are missing; -> the names of those that this call made. Others may do the same meanwhile.

    Topics with another number of partitions are refused (Fatal, naming them all), and then none is made: adding
    partitions would move keys and break their order. Raises Transient when no broker answers, or one refuses.
    """
    client = _Client(bootstrap, properties or {})
    present = _partitions(client, ASK_SECONDS)
    _refuse_different(wanted, present)
    missing = {name: topic for name, topic in wanted.items() if name not in present}
    if not missing:
        return []
    made = _create(client, missing, replication)
    _refuse_different(wanted, _until_seen(client, missing.keys()))
    return made


class _Client:
    """An administrator's client that remembers what its connections met."""

    def __init__(self, bootstrap: str, properties: Properties) -> None:
        self.bootstrap = bootstrap
        self._met: list[KafkaError] = []
        # Silent: what it meets is raised.
        own: dict[str, Any] = {"bootstrap.servers": bootstrap, "error_cb": self._met.append}
        self.admin = AdminClient({**QUIET, **own, **properties, "log_level": 0})

    def trouble(self, error: KafkaError) -> Transient:
        """The most telling of what the connections met, else the error itself."""
        self.admin.poll(0)
        refused = [met for met in self._met if met.code() in REFUSED]
        why = [*refused, *self._met, error][0]
        kind = Transient if refused else Unreachable
        return kind(f"kafka at {self.bootstrap}: {why.name()}: {why.str()}")


def _partitions(client: _Client, seconds: float) -> dict[str, int]:
    try:
        known = client.admin.list_topics(timeout=seconds).topics
    except KafkaException as error:
        raise client.trouble(error.args[0]) from error
    return {name: len(topic.partitions) for name, topic in known.items()}


def _until_seen(client: _Client, names: Set[str]) -> dict[str, int]:
    """The topics once these are among them: a broker hears of a topic a little later than its controller made it."""
    end = time.monotonic() + ASK_SECONDS
    while missing := names - (present := _partitions(client, ASK_SECONDS)).keys():
        if time.monotonic() > end:
            raise Transient(f"kafka: topic {', '.join(sorted(missing))} was made and cannot be seen")
        time.sleep(LOOK_SECONDS)
    return present


def _refuse_different(wanted: Topics, present: Mapping[str, int]) -> None:
    different = [
        f"Topic {name} has {present[name]} partitions; it must have {topic['partitions']}."
        for name, topic in wanted.items()
        if present.get(name, topic["partitions"]) != topic["partitions"]
    ]
    if different:
        raise Fatal("\n".join(different))


def _create(client: _Client, topics: Topics, replication: int) -> list[str]:
    made = [
        NewTopic(name, topic["partitions"], replication, config=dict(topic.get("config", {})))
        for name, topic in topics.items()
    ]
    mine = []
    for name, future in client.admin.create_topics(made).items():
        try:
            future.result()
            mine.append(name)
        except KafkaException as error:
            why: KafkaError = error.args[0]
            if why.code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise Transient(f"kafka: topic {name}: {why.name()}: {why.str()}") from error
    return mine
