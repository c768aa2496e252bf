"""The topics, as contracts/topics.json says. Partitions are never added: the order of events hangs on their number."""

from pathlib import Path

from bootstrap.reconcile import catalogue
from chassis.errors import Fatal
from chassis.topics import Topics, create_topics
from local.errors import TopicsDifferError


def wanted(root: Path) -> Topics:
    """The topics of the catalogue."""
    return catalogue(root)


def create(bootstrap: str, topics: Topics) -> list[str]:
    """Makes those that are missing; -> their names. Raises TopicsDifferError, and then makes none."""
    try:
        return create_topics(bootstrap, topics)
    except Fatal as differing:
        advice = "Partitions cannot change under data: move to a new system, or forget this one with `make clean`."
        raise TopicsDifferError(f"{differing}\n{advice}") from differing
