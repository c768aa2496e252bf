"""`make lock`: resolves what the pyproject files declare into hash-pinned requirement files.

They hold no download address and no path of a machine, so that any mirror, or plain pip, serves them.
"""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from runtime.layout import ROOT

MEMBERS = ("chassis", "client/python", "cli", "services/*", "demo/*", "verify", "verify/*")
HEAD = "# Made by `make lock` from the pyproject files. Install with: pip install --require-hashes -r {name}\n"


def declared(root: Path) -> list[str]:
    """Every dependency of every member, but the members themselves (they are source folders, not packages)."""
    projects: list[dict[str, Any]] = [_read(path)["project"] for path in _members(root)]
    own = {_name(project["name"]) for project in projects}
    wanted: list[str] = [need for project in projects for need in project.get("dependencies", [])]
    return sorted({need for need in wanted if _name(need) not in own})


def lock(root: Path) -> None:
    """Writes run.txt (what `make up` needs), then dev.txt (checks and tests beside it): the same versions in both."""
    groups = _read(root / "pyproject.toml")["dependency-groups"]
    run = [*declared(root), *groups["local"]]
    dev = root / "requirements" / "dev.txt"
    _resolve([*run, *groups["dev"]], dev, [])
    _resolve(run, root / "requirements" / "run.txt", ["-c", str(dev)])


def _resolve(wanted: list[str], target: Path, more: list[str]) -> None:
    uv = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal", "--generate-hashes"]
    style = ["--python-version", "3.11", "--no-header", "--no-annotate", "--no-emit-find-links"]
    known = ["--output-file", str(target)] if target.exists() else []
    said = subprocess.run(
        [*uv, *style, *known, *more, "-"], input="\n".join(wanted), capture_output=True, text=True, check=False
    )
    if said.returncode != 0:
        raise SystemExit(said.stderr)
    target.write_text(HEAD.format(name=f"requirements/{target.name}") + (said.stdout or target.read_text()))


def _members(root: Path) -> Iterator[Path]:
    for pattern in MEMBERS:
        yield from sorted(root.glob(f"{pattern}/pyproject.toml"))


def _read(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text())


def _name(requirement: str) -> str:
    """The package of a requirement such as `psycopg[binary]>=3`."""
    return re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0].lower().replace("_", "-")


if __name__ == "__main__":
    lock(ROOT)
