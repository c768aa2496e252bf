"""`lint-imports` with the contracts of this tree. Services are found in their folders: a new one edits nothing."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from runtime.layout import ROOT, SOURCES

# Beside the services: folder of packages → the packages.
OTHERS = ("demo", "verify", "client/python/src")


def contracts(root: Path) -> str:
    """The configuration for import-linter."""
    services = _packages(root / "services")
    others = ["cli", *(name for folder in OTHERS for name in _packages(root / folder))]
    domains = [f"{name}.domain" for name in services if (root / "services" / name / "domain.py").exists()]
    return "\n".join(
        [
            "[importlinter]",
            "include_external_packages = True",
            "contract_types =\n    pure: local.purity.PureContract",
            _list("root_packages", ["chassis", *services, *others]),
            _contract("chassis", "The shared mechanism knows no service, and nothing around them", "forbidden"),
            _list("source_modules", ["chassis"]),
            _list("forbidden_modules", [*services, *others]),
            _contract("services", "A service knows no other service", "independence"),
            _list("modules", services),
            _contract("around", "A service knows nothing of its clients, the demo and the checks", "forbidden"),
            _list("source_modules", services),
            _list("forbidden_modules", others),
            _contract("domain", "Domain code uses the standard library only", "pure"),
            _list("modules", domains),
        ]
    )


def lint(root: Path) -> int:
    """Runs import-linter; -> its exit code."""
    # The contract "pure" is this package's own, whatever tree is looked at.
    path = os.pathsep.join([*(str(root / part) for part in SOURCES), str(ROOT / "deploy")])
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "importlinter.ini"
        written.write_text(contracts(root))
        words = [str(Path(sys.executable).with_name("lint-imports")), "--no-logo", "--no-cache", str(written)]
        return subprocess.run(words, env={**os.environ, "PYTHONPATH": path}, check=False).returncode


def _packages(folder: Path) -> list[str]:
    # glob: a folder that is gone (demo, in a fork) has none.
    return sorted(path.name for path in folder.glob("*") if path.is_dir() and any(path.glob("*.py")))


def _contract(key: str, title: str, kind: str) -> str:
    return f"\n[importlinter:contract:{key}]\nname = {title}\ntype = {kind}"


def _list(key: str, values: list[str]) -> str:
    return "\n".join([f"{key} =", *(f"    {value}" for value in values)])


if __name__ == "__main__":
    sys.exit(lint(ROOT))
