"""The overlays of deploy/k8s as they render, and the schemas that custom resources are held against."""

import copy
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from cluster import custom, render
from runtime.layout import ROOT, from_environment

Document = dict[str, Any]

KUBERNETES = ROOT / "deploy" / "k8s"
OVERLAYS = ("dev", "full", "operators")
DEMO = (ROOT / "demo").exists()  # not in a fork
NEW = re.compile(r"^  - (\w+) # written by make new-service$", re.MULTILINE)


@cache
def _rendered(name: str) -> Sequence[Document]:
    return [dict(one) for one in render.read(render.render(KUBERNETES / "overlays" / name))]


def overlay(name: str) -> list[Document]:
    """Its documents, a copy to break."""
    needs("kubectl")
    return copy.deepcopy(list(_rendered(name)))


def new_services() -> set[str]:
    """Those of which `make new-service` has written the lines, and nobody has decided anything else yet."""
    return set(NEW.findall((KUBERNETES / "base" / "kustomization.yaml").read_text()))


def documents(name: str, kind: str) -> Iterator[Document]:
    """Those of one kind, copies too."""
    needs("kubectl")
    return (copy.deepcopy(one) for one in _rendered(name) if one["kind"] == kind)


def document(name: str, kind: str, called: str) -> Document:
    """The one of this kind and name."""
    return next(one for one in documents(name, kind) if one["metadata"]["name"] == called)


def custom_faults(manifests: Sequence[Document]) -> list[str]:
    """What the operators' schemas say."""
    needs("node", "npm", "mvn", "java")
    return custom.faults(manifests, from_environment())


def needs(*programs: str) -> None:
    """A test without one of these is skipped on a person's machine, and fails in CI."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing and os.environ.get("CI") != "true":
        pytest.skip(f"not installed: {', '.join(missing)}")


def read(path: str) -> str:
    """A file of the tree."""
    return Path(ROOT / path).read_text()
