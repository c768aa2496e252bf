"""The images that ours are built from or run beside: upstream's, others that a person names, or stand-ins."""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from containers.engine import Engine
from containers.fetch import fetch
from runtime.layout import write

NAME = re.compile(r"\b[A-Z]+_(?:IMAGE|DIGEST)\b")
DECLARE = ("Dockerfile", "compose.yaml")  # below deploy


def overrides(root: Path) -> dict[str, str]:
    """Variable → image that holds on this checkout: those of the environment, else of the last `make images`."""
    return {**_read(_remembered(root)), **_of_environment(root)}


def chosen(root: Path, offline: bool) -> dict[str, str]:
    """The same for a `make images` that begins: the last one's choice does not count."""
    return {**(_read(_stand_ins(root)) if offline else {}), **_of_environment(root)}


def remember(root: Path, offline: bool) -> None:
    """Lets the stand-ins hold from now on, or no longer."""
    path = _remembered(root)
    if offline:
        path.parent.mkdir(exist_ok=True)
        write(path, _stand_ins(root).read_text())
    else:
        path.unlink(missing_ok=True)


def ensure(root: Path, named: Mapping[str, str], say: Callable[[str], None]) -> None:
    """Pulls the bases of deploy/Dockerfile that are not here. Raises FetchError when one cannot be had."""
    fetch(Engine(), _wanted(root, named), say)


def _of_environment(root: Path) -> dict[str, str]:
    """Of the names that demae declares: another tool's RUNNER_IMAGE is none of ours."""
    files = [file for name in DECLARE if (file := root / "deploy" / name).exists()]
    declared = {name for file in files for name in NAME.findall(file.read_text())}
    return {name: value for name in sorted(declared) if (value := os.environ.get(name))}


def _stand_ins(root: Path) -> Path:
    return root / "deploy" / "offline" / "images.env"


def _remembered(root: Path) -> Path:
    return root / ".run" / "images.env"


def _read(file: Path) -> dict[str, str]:
    lines = file.read_text().splitlines() if file.exists() else []
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def _wanted(root: Path, named: Mapping[str, str]) -> Iterator[str]:
    dockerfile = (root / "deploy" / "Dockerfile").read_text()
    for found in re.finditer(r"^ARG ((\w+)_IMAGE)=(\S+)$", dockerfile, re.MULTILINE):
        yield named.get(found[1], found[3]) + named.get(f"{found[2]}_DIGEST", "")
