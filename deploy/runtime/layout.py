"""Where everything of one local system lies, and what is remembered about it between two commands."""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runtime.errors import Refusal

ROOT = Path(__file__).resolve().parents[2]
LARGEST_OFFSET = 55_000  # the ports begin at 8000 and 9000
SOURCES = ("chassis/src", "client/python/src", "services", "demo", "verify", "deploy", ".")
# All that `clean` forgets: what a state folder of either runtime holds.
DATA = ("edge", "kafka", "postgres", "postgres.password", "provider.jsonl")
SECRETS = ("compose.env", "person", "secrets", "secrets.json")
WORK = ("config", "logs", "settings.json", "supervisord.conf", "supervisord.pid", "temporary")
# A folder with one of these is a system's. The first is made before all else.
MARKS = ("secrets.lock", "secrets.json", "settings.json")


@dataclass(frozen=True)
class Layout:
    """One system: its checkout, its state folder (data, logs, secrets: all that `clean` forgets) and its ports.

    `downloads` may be shared by many systems: it holds only files that Maven fetched, by the pinned versions.
    """

    root: Path
    state: Path
    downloads: Path
    offset: int

    @property
    def default(self) -> bool:
        """Whether the state is in the checkout's own folder, which also holds what is no system's."""
        return self.state == self.root / ".run"

    @property
    def logs(self) -> Path:
        return self.state / "logs"

    @property
    def config(self) -> Path:
        return self.state / "config"

    @property
    def temporary(self) -> Path:
        return self.state / "temporary"

    @property
    def python_path(self) -> str:
        return os.pathsep.join(str(self.root / part) for part in SOURCES)

    def log(self, part: str) -> Path:
        return self.logs / f"{part}.log"

    def make(self) -> None:
        """Makes the folders; the state is its owner's alone, because secrets and data are in it."""
        self.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.default and self.state.stat().st_uid == os.geteuid():
            self.state.chmod(0o700)  # `make images` made it, or a test, with a mode of no purpose
        (self.state / MARKS[0]).touch()
        for folder in (self.logs, self.config, self.temporary):
            folder.mkdir(exist_ok=True)


def from_environment(environment: Mapping[str, str] | None = None) -> Layout:
    """The system that DEMAE_STATE and DEMAE_PORT_OFFSET name; an offset once used is remembered with the data."""
    values = os.environ if environment is None else environment
    state = Path(values.get("DEMAE_STATE") or ROOT / ".run").absolute()
    downloads = Path(values.get("DEMAE_DOWNLOADS") or ROOT / ".run" / "downloads").absolute()
    offset = values.get("DEMAE_PORT_OFFSET") or str(recall(state).get("offset", 0))
    if not offset.isdigit() or int(offset) > LARGEST_OFFSET:
        raise SystemExit(
            f"DEMAE_PORT_OFFSET is {offset!r}: it must be a number from 0 to {LARGEST_OFFSET}, such as 100"
        )
    return Layout(ROOT, state, downloads, int(offset))


def recall(state: Path) -> dict[str, Any]:
    """What `remember` wrote; empty for a new state folder."""
    path = state / "settings.json"
    if not path.exists():
        return {}
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def remember(state: Path, **values: object) -> None:
    """Merges values into what is remembered."""
    write(state / "settings.json", json.dumps({**recall(state), **values}, indent=1) + "\n")


def refuse_strange(where: Layout) -> None:
    """Before a system begins: a folder of other things would be mixed with its data. Raises Refusal."""
    if where.default or not where.state.is_dir():
        return
    there = set(where.state.iterdir()) - {where.downloads}
    if there and not any((where.state / mark).exists() for mark in MARKS):
        raise Refusal(f"{where.state} is no folder of demae, and not empty: set DEMAE_STATE to a new or an empty one.")


def forget(where: Layout) -> None:
    """Removes a system's data, secrets and settings; whatever else lies in the folder stays.

    So do the locks: to remove one that is held would let the next command hold another of that name.
    """
    for name in (*DATA, *SECRETS, *WORK):
        for path in (where.state / name, where.state / f"{name}.new"):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)


def write(path: Path, text: str, mode: int = 0o600) -> None:
    """Writes a file whole or not at all; the owner's alone, unless `mode` says more."""
    fresh = path.with_name(path.name + ".new")
    fresh.touch(mode=0o600)
    fresh.write_text(text)
    fresh.chmod(mode)
    fresh.rename(path)
