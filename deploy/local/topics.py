"""The topics, as contracts/topics.json says. Partitions are never added: the order of events hangs on their number."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chassis.errors import Fatal
from chassis.topics import create_topics
from local.errors import TopicsDifferError

Topics = Mapping[str, Mapping[str, Any]]


def wanted(root: Path) -> Topics:
    """The topics of the catalogue."""
    said: Topics = json.loads((root / "contracts" / "topics.json").read_text())
    return said


def create(bootstrap: str, topics: Topics) -> list[str]:
    """Makes those that are missing; -> their names. Raises TopicsDifferError, and then makes none."""
    try:
        return create_topics(bootstrap, topics)
    except Fatal as differing:
        advice = "Partitions cannot change under data: move to a new system, or forget this one with `make clean`."
        raise TopicsDifferError(f"{differing}\n{advice}") from differing
