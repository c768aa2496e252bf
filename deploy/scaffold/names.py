"""What a service may be called: the name is a Python package, a schema, a role, an image and a host at once."""

import importlib.util
import keyword
import re
from collections.abc import Iterator
from pathlib import Path

from runtime import discovery

PATTERN = re.compile(r"[a-z][a-z0-9]{0,30}")  # no _: it cannot stand in the name of a host, so not in Kubernetes
ROLES = frozenset({"postgres", "migrator", "cdc", "verify", "demae", "public", "none"})
PROCESSES = frozenset({"postgres", "kafka", "connect", "edge", "bootstrap"})
# What Postgres would read as something else, written without quotes (pg_get_keywords, "reserved").
WORDS = """
    all analyse analyze and any array as asc asymmetric authorization binary both case cast check collate collation
    column concurrently constraint create cross default deferrable desc distinct do else end except false fetch for
    foreign freeze from full grant group having ilike in initially inner intersect into is isnull join lateral leading
    left like limit localtime localtimestamp natural not notnull null offset on only or order outer overlaps placing
    primary references returning right select similar some symmetric table tablesample then to trailing true union
    unique user using variadic verbose when where window with
"""


def refusal(root: Path, name: str) -> str | None:
    """Why `name` cannot be a new service of the checkout, in one line; None when it can."""
    return next((why for refused, why in _rules(root, name) if refused), None)


def _rules(root: Path, name: str) -> Iterator[tuple[bool, str]]:
    """Whether a rule is broken, and what to say then. A later rule may rely on the ones before it."""
    yield not name, "It needs a name: make new-service NAME=loyalty"
    no = f"{name!r} cannot name a service: "
    yield not PATTERN.fullmatch(name), f"{no}lower-case letters and digits, a letter first, at most 31."
    yield (root / "services" / name).exists(), f"services/{name} is there already: choose another name."
    yield name in ROLES, f"{no}the database has a role of that name, with a meaning of its own."
    yield name in WORDS.split(), f"{no}it is a reserved word of SQL, and would need quotes as a schema."
    yield (
        keyword.iskeyword(name) or importlib.util.find_spec(name) is not None,
        f"{no}Python has a word or a module of that name already.",
    )
    taken = PROCESSES | {process.name for process in discovery.processes(root)}
    yield name in taken, f"{no}a process of the system is called so."
