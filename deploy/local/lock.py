"""`make lock`: resolves what the pyproject files declare into hash-pinned requirement files.

They hold no download address and no path of a machine, so that any mirror, or plain pip, serves them. run.txt is what
the host needs, dev.txt has the checks and tests beside it, images/NAME.txt is what the image NAME holds: the same
versions in all of them.
"""

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import assemble
from runtime.layout import ROOT

HEAD = "# Made by `make lock` from the pyproject files. Install with: pip install --require-hashes -r {name}\n"
# Without a name: images with the same packages have the same file, and so share a layer.
IMAGE_HEAD = "# Made by `make lock` from the pyproject files: the packages of an image.\n"
IMAGES = ("services", "demo", "deploy")


def lock(root: Path) -> None:
    """Writes all files; versions that still satisfy the pyproject files are kept."""
    groups = _groups(root)
    folder = root / "requirements"
    run = [*assemble.outside(root, list(assemble.members(root).values())), *groups["local"]]
    dev = folder / "dev.txt"
    _resolve([*run, *groups["dev"]], dev, [], HEAD)
    same = ["-c", str(dev)]
    _resolve(run, folder / "run.txt", same, HEAD)
    (folder / "images").mkdir(exist_ok=True)
    locks = {folder / "images" / f"{one.name}.txt": one for one in assemble.programs(root, IMAGES)}
    for target, program in locks.items():
        _resolve(assemble.outside(root, assemble.closure(root, program)), target, same, IMAGE_HEAD)
    for left in set((folder / "images").glob("*.txt")) - set(locks):
        left.unlink()


def _resolve(wanted: list[str], target: Path, more: list[str], head: str) -> None:
    uv = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal", "--generate-hashes"]
    style = ["--python-version", "3.11", "--no-header", "--no-annotate", "--no-emit-find-links"]
    known = ["--output-file", str(target)] if target.exists() else []
    said = subprocess.run(
        [*uv, *style, *known, *more, "-"], input="\n".join(wanted), capture_output=True, text=True, check=False
    )
    if said.returncode != 0:
        raise SystemExit(said.stderr)
    name = f"requirements/{target.name}"
    target.write_text(head.format(name=name) + (said.stdout or target.read_text()))


def _groups(root: Path) -> dict[str, list[str]]:
    groups: dict[str, Any] = tomllib.loads((root / "pyproject.toml").read_text())["dependency-groups"]
    return groups


if __name__ == "__main__":
    lock(ROOT)
