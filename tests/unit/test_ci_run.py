"""`.ci/run`: what it starts it stops, and the suite's exit code is its own. Make, docker and engine are stand-ins."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ground.waiting import until
from runtime.layout import ROOT

# Each appends what was asked of it to the file `asked`.
ENGINE = """#!/bin/bash
[ "$1" = env ] || echo "engine $1" >>asked
case $1 in up) exit "${UP:-0}" ;; env) echo 'export DOCKER_HOST=unix://mine' ;; esac
"""
MAKE = f"""#!{sys.executable}
import os, signal, sys
def told(line): open("asked", "a").write(line + "\\n")
def tidy(*_): told("tidy"); sys.exit(7)
signal.signal(signal.SIGINT, tidy)
told(" ".join(["make", *sys.argv[1:]]))
if sys.argv[1] == "test":
    if "HANG" in os.environ: signal.pause()
    sys.exit(int(os.environ.get("TEST", "0")))
"""
DOCKER = '#!/bin/bash\nexit "${DOCKER:-1}"\n'

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., "subprocess.Popen[bytes]"]:
    """Starts it in a tree of stand-ins, with variables that say how they behave."""
    shutil.copytree(ROOT / ".ci", tmp_path / ".ci")
    for name, text in (("deploy/offline/engine", ENGINE), ("bin/make", MAKE), ("bin/docker", DOCKER)):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
    for name in ("java", "mvn"):
        (tmp_path / "bin" / name).symlink_to("/bin/true")
    kept = {name: value for name, value in os.environ.items() if name not in {"CI", "DOCKER_HOST"}}
    path_too = {**kept, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}

    def heard() -> None:
        """A signal that is ignored where the suite runs (nohup) would be ignored by its children, too."""
        for word in SIGNALS:
            signal.signal(word, signal.SIG_DFL)

    def start(**variables: str) -> "subprocess.Popen[bytes]":
        told = {**path_too, **variables}
        return subprocess.Popen([tmp_path / ".ci" / "run"], cwd=tmp_path, env=told, preexec_fn=heard)  # noqa: PLW1509

    return start


def asked(tmp_path: Path) -> list[str]:
    """What was asked of the stand-ins, in order."""
    return (tmp_path / "asked").read_text().splitlines() if (tmp_path / "asked").exists() else []


@pytest.mark.parametrize("code", [0, 3])
def test_engine_is_stopped_after_suite(
    run: Callable[..., "subprocess.Popen[bytes]"], tmp_path: Path, code: int
) -> None:
    """Whether the suite passes or fails."""
    assert run(TEST=str(code)).wait(30) == code
    assert asked(tmp_path) == ["engine up", "make images OFFLINE=auto", "make test", "engine down"]


def test_running_engine_is_left_alone(run: Callable[..., "subprocess.Popen[bytes]"], tmp_path: Path) -> None:
    """Neither started nor stopped."""
    assert run(DOCKER="0").wait(30) == 0
    assert asked(tmp_path) == ["make images OFFLINE=auto", "make test"]


def test_no_engine_fails_in_ci(run: Callable[..., "subprocess.Popen[bytes]"], tmp_path: Path) -> None:
    """Half of the suite must not be left out unseen."""
    assert run(UP="1", CI="true").wait(30) == 1
    assert asked(tmp_path) == ["engine up", "engine down"]


def test_no_engine_goes_on_elsewhere(run: Callable[..., "subprocess.Popen[bytes]"], tmp_path: Path) -> None:
    """A person without one still has the tests on processes."""
    assert run(UP="1").wait(30) == 0
    assert asked(tmp_path) == ["engine up", "make test", "engine down"]


@pytest.mark.parametrize("word", SIGNALS)
def test_signal_ends_suite_first(
    run: Callable[..., "subprocess.Popen[bytes]"], tmp_path: Path, word: signal.Signals
) -> None:
    """The suite hears Ctrl-C, tidies up, and only then is the engine stopped."""
    started = run(HANG="1")
    until(lambda: "make test" in asked(tmp_path), 20, "the suite")
    started.send_signal(word)
    assert started.wait(30) == 7
    assert asked(tmp_path)[-3:] == ["make test", "tidy", "engine down"]
