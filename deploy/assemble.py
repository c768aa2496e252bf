"""Which source folders a workspace member runs on, and the copy of them that its image holds.

Runs inside the build of an image, with the standard library only: `python assemble.py ROOT FOLDER TARGET`. The copy has
the same shape as the tree, so that a program finds its files by the same relative paths. Beside the members that a
pyproject depends on, it may name files or folders, as patterns from the root:

    [tool.demae.image]
    files = ["contracts/schema.graphql"]
    data = ["/var/lib/provider"]   # folders of the program's own: a volume mounted there takes their owner
"""

import compileall
import os
import py_compile
import re
import shutil
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

MEMBERS = ("chassis", "client/python", "cli", "services/*", "demo/*", "deploy/*", "verify", "verify/*")
# Patterns of what nobody reads at run time.
LEFT_OUT = ("*.pyc", "README.md")
# Of a library, what its users' tests need: in an image only when TEST is in the environment of the build.
TESTING = ("chassis/testing/*",)
USER = 10001  # whom every image runs as
# The program of the image. It becomes `python -m NAME`, with the arguments of the container: same process, true name.
START = 'import os\nimport sys\n\nos.execvp("python", ["python", "-m", "{name}", *sys.argv[1:]])\n'


def members(root: Path) -> dict[str, Path]:
    """Name → folder of every project in the tree."""
    found = (folder for pattern in MEMBERS for folder in sorted(root.glob(pattern)))
    return {package(project(folder)["name"]): folder for folder in found if (folder / "pyproject.toml").exists()}


def closure(root: Path, folder: Path) -> list[Path]:
    """The folder, and those of all members it depends on, each once."""
    known, found = members(root), [folder]
    for one in found:  # grows while it is walked
        needs = (package(need) for need in project(one).get("dependencies", []))
        found += [known[need] for need in needs if need in known and known[need] not in found]
    return found


def outside(root: Path, folders: list[Path]) -> list[str]:
    """What the folders depend on beside members: requirements as they are written, sorted."""
    known = members(root)
    needs = {need for folder in folders for need in project(folder).get("dependencies", [])}
    return sorted(need for need in needs if package(need) not in known)


def programs(root: Path, folders: Iterable[str]) -> list[Path]:
    """The members in these folders that can be run."""
    known = members(root).values()
    return [
        one for one in known if one.parent.relative_to(root).as_posix() in folders and (one / "__main__.py").exists()
    ]


def parts(root: Path, folder: Path) -> list[Path]:
    """All files and folders that `folder` runs on."""
    return [*(_source(one) for one in closure(root, folder)), *_named(root, folder)]


def files(root: Path, paths: Iterable[str]) -> list[Path]:
    """Every file at or under these paths, without those that nobody reads at run time, sorted."""
    found = [
        file for path in paths for file in ([root / path] if (root / path).is_file() else (root / path).rglob("*"))
    ]
    left_out = LEFT_OUT if os.environ.get("TEST") else (*LEFT_OUT, *TESTING)
    return sorted(file for file in found if file.is_file() and not any(map(file.match, left_out)))


def assemble(root: Path, folder: Path, target: Path) -> None:
    """Fills `target` with what `folder` runs on, compiled, readable by everybody and writable by root alone."""
    for file in files(root, [part.relative_to(root).as_posix() for part in parts(root, folder)]):
        copy = target / file.relative_to(root)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)
    (target / "__main__.py").write_text(START.format(name=folder.name))
    # Unchecked: no look at the source at every start, and the same bytes from the same sources, whatever their dates.
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    if not compileall.compile_dir(target, quiet=1, stripdir=target, prependdir="/app", invalidation_mode=mode):
        raise SystemExit(f"{folder.name}: not every file compiles")
    for path in [target, *target.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    for place in data(folder):
        own = target.parent / place.lstrip("/")
        own.mkdir(parents=True, mode=0o750)
        os.chown(own, USER, USER)


def project(folder: Path) -> dict[str, Any]:
    """The table [project] of a folder's pyproject.toml."""
    table: dict[str, Any] = _pyproject(folder)["project"]
    return table


def data(folder: Path) -> list[str]:
    """The folders that its program writes to; they are USER's."""
    named: list[str] = _image(folder).get("data", [])
    return named


def package(requirement: str) -> str:
    """The normal name of the package in a requirement such as `psycopg[binary]>=3`."""
    name = re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]
    return re.sub(r"[-_.]+", "-", name).lower()


def _source(folder: Path) -> Path:
    return folder / "src" if (folder / "src").is_dir() else folder


def _named(root: Path, folder: Path) -> list[Path]:
    found = []
    for pattern in _image(folder).get("files", []):
        matching = sorted(root.glob(pattern))
        if not matching:
            raise SystemExit(f"{folder.name}: [tool.demae.image] names {pattern}, and nothing is there")
        found += matching
    return found


def _image(folder: Path) -> dict[str, Any]:
    """The table [tool.demae.image], empty where there is none."""
    table: dict[str, Any] = _pyproject(folder).get("tool", {}).get("demae", {}).get("image", {})
    return table


def _pyproject(folder: Path) -> dict[str, Any]:
    return tomllib.loads((folder / "pyproject.toml").read_text())


if __name__ == "__main__":
    top = Path(sys.argv[1])
    assemble(top, top / sys.argv[2], Path(sys.argv[3]))
