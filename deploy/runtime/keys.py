"""The secrets of one system: made once, kept in its state folder, readable by its owner alone."""

import fcntl
import json
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from runtime.layout import write

# Beside the services' own roles: the superuser, change data capture, and the reader of all for checks.
DATABASE_ROLES = ("postgres", "cdc", "verify")


@dataclass(frozen=True)
class Keys:
    """`database` is role → password."""

    database: dict[str, str]
    jwt: str
    provider: str
    supervisor: str


def load(state: Path, services: Iterable[str]) -> Keys:
    """The secrets of the system at `state`; those that are missing (a new service's) are made.

    PROVIDER_KEY in the environment is taken once, and kept.
    """
    with (state / "secrets.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two first commands at once would each make their own
        return _load(state / "secrets.json", services)


def _load(path: Path, services: Iterable[str]) -> Keys:
    known: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    roles = [*DATABASE_ROLES, *services]
    names = [*(f"database.{role}" for role in roles), "jwt", "provider", "supervisor"]
    given = {"provider": word} if (word := os.environ.get("PROVIDER_KEY")) else {}  # a real provider's
    complete = {**{name: secrets.token_urlsafe(24) for name in names}, **known, **given}
    if complete != known:
        write(path, json.dumps(complete, indent=1) + "\n")
    database = {role: complete[f"database.{role}"] for role in roles}
    return Keys(database, complete["jwt"], complete["provider"], complete["supervisor"])
