"""The prerequisites, and what a person is told about them."""

import subprocess
import sys
from pathlib import Path

import pytest

from local import prepare


def test_missing_java_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What is missing, and how to install it."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    java, maven = prepare.java_missing()
    assert java.startswith("Java 17 or newer is missing; install it with: apt install maven")
    assert maven.startswith("Maven is missing; install it with: apt install maven")


def test_old_java_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Java 11 is there, and is not enough."""
    monkeypatch.setattr(prepare, "java_version", lambda: 11)
    assert "too old (it is 11)" in prepare.java_missing()[0]


@pytest.mark.parametrize(
    ("printed", "version"), [('openjdk version "17.0.15" 2025', 17), ('openjdk version "25" x', 25)]
)
def test_java_says_its_version(monkeypatch: pytest.MonkeyPatch, printed: str, version: int) -> None:
    """Both ways in which a Java prints it."""
    said = subprocess.CompletedProcess(["java"], 0, "", printed)
    monkeypatch.setattr(subprocess, "run", lambda *_a, **_k: said)
    assert prepare.java_version() == version


def test_old_python_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose newest Python is 3.9."""
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    assert prepare.python_missing() == [f"Python 3.11 or newer is missing; install it with: {prepare.PYTHON_LINE}"]


def test_colon_in_the_path_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Search paths cannot hold it: said at once, not found out by Java."""
    monkeypatch.setattr(prepare, "ROOT", Path("/a:b"))
    assert "colon" in prepare.missing("dev", more=False)[0]


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine with neither engine nor Java, where nothing was ever up."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("DEMAE_STATE", str(tmp_path))
    for name in ("JAVA_HOME", "RUNTIME", "DEMAE_PORT_OFFSET"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_bare_machine_is_told_both_ways(bare: Path) -> None:
    """One message: what to install for containers, and what for processes."""
    [said] = prepare.runtime_missing()
    assert all(words in said for words in ("install Docker 25", "Java 17 or newer is missing", "Maven is missing"))


def test_forced_local_is_told_its_own(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who says RUNTIME=local does not read about Docker."""
    monkeypatch.setenv("RUNTIME", "local")
    assert [line.split()[0] for line in prepare.runtime_missing()] == ["Java", "Maven"]


def test_containers_need_no_java(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only an engine, which is looked for before anything is installed."""
    monkeypatch.setenv("RUNTIME", "compose")
    [said] = prepare.runtime_missing()
    assert said.startswith("There is no program docker here")


def test_stopping_needs_neither(bare: Path) -> None:
    """`make down` without .venv installs Python's packages, and asks for nothing else."""
    assert prepare.missing("run", more=True)
    assert prepare.missing("run", more=False) == []
