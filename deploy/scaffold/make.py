"""From a name to a service: its files, its lines in shared files, and what is rendered from those."""

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from runtime.layout import SOURCES
from scaffold import names, shared, template
from scaffold.errors import ScaffoldError
from scaffold.tree import Tree, whole

RENDERED = ("contracts/README.md", "contracts/asyncapi.yaml")
RELEASE = "deploy/release/kubernetes-manifests.yaml"


def make(root: Path, name: str) -> Tree:
    """Writes the service into the checkout; -> what it made and changed. Raises ScaffoldError, with nothing written."""
    if why := names.refusal(root, name):
        raise ScaffoldError(why)
    tree, files = Tree(root), template.files(name)
    if there := [path for path in files if tree.has(path)]:
        raise ScaffoldError(f"{there[0]} is there already: choose another name, or remove it first.")
    with whole(tree):
        for path, text in files.items():
            tree.write(path, text)
        _tidy(root, [path for path in files if path.endswith(".py")])
        _lock(tree, name)
        _share(tree, name)
    return tree


def _tidy(root: Path, paths: list[str]) -> None:
    """Where a name stands among sorted imports, and how long a line is, depends on the name."""
    for words in (["check", "--quiet", "--fix", "--select", "I"], ["format", "--quiet"]):
        _run(root, [str(Path(sys.executable).with_name("ruff")), *words, *paths])


def _lock(tree: Tree, name: str) -> None:
    wanted = shared.dependencies(tree.read(f"services/{name}/pyproject.toml"))
    if tree.has("requirements/images"):
        tree.write(f"requirements/images/{name}.txt", shared.lock(tree.root, wanted))


def _share(tree: Tree, name: str) -> None:
    tree.write(shared.CATALOGUE, shared.catalogue(tree.read(shared.CATALOGUE), name))
    for path in filter(tree.has, shared.PARTS):
        tree.write(path, shared.lines(path, tree.read(path), name))
    tree.watch(*RENDERED)
    _run(tree.root, [sys.executable, "-m", "contracts.catalogue"])
    if tree.has(RELEASE):
        tree.watch(RELEASE)
        with suppress(ScaffoldError):  # no kubectl, or an old one: then `make k8s-release` is left to do
            _run(tree.root, [sys.executable, "-m", "cluster", "release"])


def _run(root: Path, words: list[str]) -> None:
    path = os.pathsep.join(str(root / part) for part in SOURCES)
    done = subprocess.run(
        words, cwd=root, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise ScaffoldError(f"{' '.join(words[:3])} failed: {(done.stdout + done.stderr).strip()}")
