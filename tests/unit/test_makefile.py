"""The Makefile, with stand-ins for what it calls."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from runtime.layout import ROOT

# Makes an environment whose Python says how it was called, and writes it down word by word.
PREPARE = r"""
import pathlib, sys
python = pathlib.Path(".venv/bin/python")
python.parent.mkdir(parents=True, exist_ok=True)
python.write_text('#!/bin/sh\necho "$@"\nprintf "%s\\n" "$@" > words\n')
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


def make(checkout: Path, *words: str, **variables: str) -> list[str]:
    """Lines of what `make WORDS` says, with these variables in its environment."""
    kept = {"PATH": os.environ["PATH"]}  # what a person, or the suite around, has said to another `make` stays out
    program = ["make", "--no-print-directory", *words]
    said = subprocess.run(program, cwd=checkout, env={**kept, **variables}, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout + said.stderr
    return said.stdout.splitlines()


def called(checkout: Path, *words: str, **variables: str) -> list[str]:
    """What `make WORDS` calls Python with in the end, behind `-m`: each word as it arrives."""
    make(checkout, *words, **variables)
    return (checkout / "words").read_text().splitlines()[1:]


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


@pytest.mark.parametrize("given", [{"S": "no inbox"}, {"ARGS": "'no inbox'"}], ids=["by S", "by ARGS"])
def test_mutant_is_called_by_its_name(checkout: Path, given: dict[str, str]) -> None:
    """Which has a blank in it."""
    assert called(checkout, "mutants", **given) == ["mutants", "no inbox"]


def test_search_begins_where_it_is_told_to(checkout: Path) -> None:
    """And elsewhere each time when it is not told, whatever chaos begins with."""
    assert called(checkout, "explore", "SEED=7") == ["explore", "--steps", "200000", "--seed", "7"]
    assert called(checkout, "explore", SEED="7", STEPS="5") == ["explore", "--steps", "5", "--seed", "7"]
    assert called(checkout, "explore") == ["explore", "--steps", "200000"]
    assert called(checkout, "chaos") == ["chaos", "--minutes", "15", "--seed", "1"]


@pytest.mark.parametrize("target", ["bench", "trouble", "chaos", "mutants", "explore"])
def test_programs_take_what_else_they_know(checkout: Path, target: str) -> None:
    """ARGS comes last, and wins."""
    assert called(checkout, target, "ARGS=--seed 7")[-2:] == ["--seed", "7"]


def test_recording_wants_a_name(checkout: Path) -> None:
    """One of the environment is not meant."""
    assert called(checkout, "recording", "NAME=0003-what") == ["tests.support.recording", "0003-what"]
    with pytest.raises(AssertionError, match="say NAME"):
        make(checkout, "recording", NAME="of the machine")


@pytest.mark.parametrize(
    ("target", "runtime", "java"),
    [
        ("bench", "compose", False),
        ("trouble", "compose", False),
        ("chaos", "compose", False),
        ("chaos", "local", True),
        ("mutants", "compose", True),
    ],
)
def test_java_is_asked_for_where_processes_are_started(checkout: Path, target: str, runtime: str, java: bool) -> None:
    """Who has an engine alone can measure what runs in it."""
    told = make(checkout, target, RUNTIME=runtime)[0]
    assert told == ("prepare dev" if java else "prepare dev --no-java")
