"""Rendering by kubectl, and the release in step with what it renders."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from cluster import image_names, release
from cluster.render import RenderError, kubectl, read, render
from cluster.schema import faults
from runtime.layout import ROOT

Program = Callable[[str, str], None]


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    """Puts a shell script of a name in front of everything on PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def write(name: str, script: str) -> None:
        path = folder / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    return write


def needs_kubectl() -> None:
    """A machine of a person may lack it, and is told so; continuous integration may not."""
    try:
        kubectl()
    except RenderError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))


def test_release_is_in_step() -> None:
    """The file that people apply is what deploy/k8s renders, whatever images this checkout has chosen."""
    needs_kubectl()
    assert release.path(ROOT).read_text() == release.text(ROOT)


def test_every_image_is_named() -> None:
    """One that is not would have no tag; whatever `make k8s-images` has chosen for the others."""
    delivered, here = image_names.of_version(ROOT), image_names.path(ROOT / "deploy" / "k8s").read_text()
    assert {one["name"] for one in yaml.safe_load(delivered)["images"]} <= {
        one["name"] for one in yaml.safe_load(here)["images"]
    }


def test_missing_kubectl_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One line that says what to install."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RenderError, match=r"kubectl is missing: install any kubectl ≥ 1.27"):
        kubectl()


def test_old_kubectl_is_refused(program: Program) -> None:
    """Debian 12's, for one."""
    program("kubectl", """echo '{"clientVersion": {"major": "1", "minor": "20+", "gitVersion": "v1.20.2"}}'""")
    with pytest.raises(RenderError, match=r"too old: it is v1.20.2"):
        kubectl()


def test_warning_is_a_failure(program: Program, tmp_path: Path) -> None:
    """A deprecated field renders today and breaks tomorrow."""
    version = """echo '{"clientVersion": {"major": "1", "minor": "37", "gitVersion": "v1.37.2"}}'"""
    program("kubectl", f"[ $1 = version ] && {version} || echo \"# Warning: 'bases' is deprecated\" >&2")
    with pytest.raises(RenderError, match="'bases' is deprecated"):
        render(tmp_path)


def test_unknown_field_is_a_fault() -> None:
    """Kubernetes would drop it without a word."""
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "edge"}, "spec": {"prots": []}}
    assert "'prots' was unexpected" in faults([service])[0]


def test_unknown_kind_is_a_fault() -> None:
    """Neither Kubernetes' own nor an operator's that is known here."""
    strange = {"apiVersion": "example.org/v1", "kind": "Widget", "metadata": {"name": "one"}}
    assert faults([strange], ("1.37",)) == [
        "Widget one in Kubernetes 1.37: there is no schema of example.org/v1 Widget"
    ]


def test_release_fits_every_version_between() -> None:
    """From the oldest that is promised to the newest."""
    versions = tuple(f"1.{minor}" for minor in range(29, 38))
    assert faults(read(release.path(ROOT).read_text()), versions) == []
