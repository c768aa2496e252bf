"""The topics, as contracts/topics.json says. Partitions are never added: the order of events hangs on their number."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from local.errors import TopicsDifferError

SECONDS = 20.0


@dataclass(frozen=True)
class Topic:
    name: str
    partitions: int
    config: dict[str, str]


def wanted(root: Path) -> list[Topic]:
    """The topics of the catalogue."""
    said: dict[str, Any] = json.loads((root / "contracts" / "topics.json").read_text())
    return [Topic(name, t["partitions"], t.get("config", {})) for name, t in said.items()]


def create(bootstrap: str, topics: list[Topic], replicas: int = 1) -> list[str]:
    """Makes those that are missing; -> their names. Raises TopicsDifferError, and then makes none."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    there = {name: len(t.partitions) for name, t in admin.list_topics(timeout=SECONDS).topics.items()}
    differing = [t for t in topics if there.get(t.name, t.partitions) != t.partitions]
    if differing:
        lines = [f"Topic {t.name} has {there[t.name]} partitions; it must have {t.partitions}." for t in differing]
        advice = "Partitions cannot change under data: move to a new system, or forget this one with `make clean`."
        raise TopicsDifferError("\n".join([*lines, advice]))
    missing = [t for t in topics if t.name not in there]
    if missing:
        new = [NewTopic(t.name, t.partitions, replicas, config=t.config) for t in missing]
        for made in admin.create_topics(new).values():
            made.result(SECONDS)
    return [t.name for t in missing]
