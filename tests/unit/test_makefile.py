"""The Makefile, with stand-ins for what it calls."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from runtime.layout import ROOT

# Makes an environment whose Python says how it was called.
PREPARE = """
import pathlib, sys
python = pathlib.Path(".venv/bin/python")
python.parent.mkdir(parents=True)
python.write_text('#!/bin/sh\\necho "$@"\\n')
python.chmod(0o755)
print("prepare", *sys.argv[1:])
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Without .venv."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "deploy" / "local").mkdir(parents=True)
    (tmp_path / "deploy" / "local" / "prepare.py").write_text(PREPARE)
    return tmp_path


def make(checkout: Path, target: str, **variables: str) -> list[str]:
    """Lines of what `make TARGET` says."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DEMAE_", "MAKE", "MFLAGS"))}
    words = ["make", "--no-print-directory", target]
    said = subprocess.run(words, cwd=checkout, env={**kept, **variables}, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout + said.stderr
    return said.stdout.splitlines()


@pytest.mark.parametrize("target", ["down", "clean"])
def test_stopping_makes_the_environment_again(checkout: Path, tmp_path: Path, target: str) -> None:
    """Who removed .venv has not stopped the containers."""
    state = tmp_path / "a state"
    state.mkdir()
    (state / "settings.json").touch()
    told = make(checkout, target, DEMAE_STATE=str(state))
    assert told == ["prepare run --no-java", f"-m runtime {target}"]
    assert make(checkout, target, DEMAE_STATE=str(state)) == [f"-m runtime {target}"]


@pytest.mark.parametrize("target", ["down", "clean"])
def test_nothing_to_stop_installs_nothing(checkout: Path, target: str) -> None:
    """In a fresh checkout."""
    assert make(checkout, target) == ["Nothing runs here yet: make up"]


def test_default_folder_remembers(checkout: Path) -> None:
    """Without DEMAE_STATE."""
    (checkout / ".run").mkdir()
    (checkout / ".run" / "settings.json").touch()
    assert make(checkout, "down") == ["prepare run --no-java", "-m runtime down"]
