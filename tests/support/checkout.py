"""A copy of this checkout as it is now, committed, for tests that change its files."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.databases import ROOT

PASSED = ("PATH", "HOME", "LANG", "JAVA_HOME", "DOCKER_HOST", "DOCKER_CONFIG", "DEMAE_PARTS")


@dataclass(frozen=True)
class Checkout:
    """The copy's folder. Its .venv is ours, by a link; what Maven brought is ours too; everything else is its own."""

    root: Path
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """That of a person who just opened a shell there."""
        kept = {name: os.environ[name] for name in PASSED if name in os.environ}
        return {**kept, "DEMAE_DOWNLOADS": str(ROOT / ".run" / "downloads"), **self.settings}

    def run(self, *words: str, seconds: float = 240) -> subprocess.CompletedProcess[str]:
        """A command in the copy; its output in one text, whatever becomes of it."""
        return subprocess.run(
            words,
            cwd=self.root,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=seconds,
        )

    def sh(self, script: str, seconds: float = 240) -> str:
        """Lines of a shell, stopped at the first that fails; -> what they printed. Raises AssertionError with that."""
        done = self.run("sh", "-euc", script, seconds=seconds)
        assert done.returncode == 0, f"{script}\n-> {done.returncode}\n{done.stdout}"
        return done.stdout

    def changes(self) -> list[str]:
        """What git says is new or different."""
        return self.sh("git status --porcelain").splitlines()


@contextmanager
def checkout_copy(home: Path, **settings: str) -> Iterator[Checkout]:
    """Copies what git knows or would add; `settings` are variables for its commands."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for path in sorted({path for path in listed.stdout.split("\0") if path and (ROOT / path).is_file()}):
        (home / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / path, home / path)
    _link_environment(home / ".venv")
    if (ROOT / ".mypy_cache").exists():  # goes by content: what is as it was here is not looked at again
        shutil.copytree(ROOT / ".mypy_cache", home / ".mypy_cache")
    copy = Checkout(home, settings)
    copy.sh("git init -q && git config user.name test && git config user.email test@localhost")
    copy.sh("git add -A && git commit -qm copy")
    try:
        yield copy
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _link_environment(venv: Path) -> None:
    """Our own packages, in a folder whose notes on what is installed may differ from ours."""
    venv.mkdir()
    for path in Path(sys.prefix).iterdir():
        if path.is_file() and path.name != "pyvenv.cfg":
            shutil.copy2(path, venv / path.name)
        else:
            (venv / path.name).symlink_to(path)
