"""`make check`: everything that is known without running the system. All of it runs, also when a part fails."""

import subprocess
import sys
from pathlib import Path

from local import imports
from runtime.layout import ROOT

TREES = ("chassis/src", "client/python/src", "services", "demo", "cli", "verify", "deploy", "tests")


def check() -> bool:
    """Runs each check and prints what it finds; -> whether all are clean."""
    typed = [tree for tree in TREES if any((ROOT / tree).rglob("*.py"))]
    clean = [
        _run("ruff", "check", "."),
        _run("ruff", "format", "--check", "."),
        _run("mypy", *typed),
        _announce("import rules") and imports.lint(ROOT) == 0,
    ]
    return all(clean)


def _run(program: str, *arguments: str) -> bool:
    _announce(f"{program} {' '.join(arguments)}")
    return subprocess.run([Path(sys.executable).with_name(program), *arguments], cwd=ROOT, check=False).returncode == 0


def _announce(what: str) -> bool:
    print(f"── {what}", flush=True)
    return True


if __name__ == "__main__":
    sys.exit(0 if check() else 1)
