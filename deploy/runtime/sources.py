"""What a process is made of, as one short word: when it changes, `make up` starts the process anew."""

import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

SHARED = ("chassis/src", "requirements/run.txt")
KINDS = (".py", ".sql", ".json", ".graphql", ".properties", ".yaml", ".caddy", "")


def digest(root: Path, paths: Iterable[str]) -> str:
    """Of the files at or under `paths`, by name and content."""
    found = hashlib.sha256()
    for path in paths:
        found.update(_digest(root / path))
    return found.hexdigest()[:12]


def forget() -> None:
    """Looks at the files anew: for a program that outlives a change of its own tree."""
    _digest.cache_clear()


@cache
def _digest(path: Path) -> bytes:
    # Once a run of the command: a dozen processes share most of it.
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.suffix in KINDS and p.is_file())
    found = hashlib.sha256()
    for file in files:
        found.update(f"{file.relative_to(path.parent)}\n".encode())
        found.update(file.read_bytes())
    return found.digest()
