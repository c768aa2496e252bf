"""The processes of the services, found in their folders: a new service is a new folder and edits nothing here.

A service may say more in its pyproject.toml; without that it is one process, `python -m NAME`:

    [tool.demae]
    needs = ["http"]            # what it is given beside database, log and health port: see NEEDS in parts.py
    [tool.demae.processes]
    http = ["http"]             # process "api-http" is `python -m api http`
    projector = ["projector"]
"""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Process:
    """`python -m <module> <arguments>`. A service's process has the database role and schema of that name."""

    name: str
    module: str
    arguments: tuple[str, ...] = ()
    needs: frozenset[str] = frozenset()
    service: bool = True
    autostart: bool = True

    @property
    def folder(self) -> str:
        """Where its program is, from the root."""
        return f"{'services' if self.service else 'demo'}/{self.module}"

    @property
    def listens(self) -> bool:
        """Whether it serves something beside its health."""
        return "http" in self.needs or ("provider" in self.needs and not self.service)


# What a fork deletes first: the people, and the payment provider that a real one replaces.
DEMO = (
    Process("provider", "provider", needs=frozenset({"provider"}), service=False),
    Process("actors", "actors", needs=frozenset({"client"}), service=False, autostart=False),
)


def services(root: Path) -> list[str]:
    """Every service that has a program, in the order of their names."""
    return sorted(path.parent.name for path in (root / "services").glob("*/__main__.py"))


def processes(root: Path) -> list[Process]:
    """Every process of every service, and of the demo."""
    own = [process for name in services(root) for process in _of(root, name)]
    demo = [process for process in DEMO if (root / "demo" / process.module / "__main__.py").exists()]
    return [*demo, *own]


def _of(root: Path, name: str) -> Iterator[Process]:
    said = _tool(root / "services" / name / "pyproject.toml")
    needs = frozenset(said.get("needs", []))
    named: dict[str, list[str]] = said.get("processes", {})
    if not named:
        yield Process(name, name, needs=needs)
    for suffix, arguments in named.items():
        yield Process(f"{name}-{suffix}", name, tuple(arguments), needs)


def _tool(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    found: dict[str, Any] = tomllib.loads(path.read_text()).get("tool", {}).get("demae", {})
    return found
