"""What `make test` runs where, and what it says at its end."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from containers.engine import Engine, EngineGone
from ground.waiting import until
from local import prepare, suite
from runtime.errors import Refusal
from runtime.layout import ROOT


class Fit(Engine):
    """An engine that will do."""

    def refuse_unfit(self) -> None:
        return


class Gone(Engine):
    """No engine."""

    def refuse_unfit(self) -> None:
        raise EngineGone("The container engine does not answer.")


@pytest.fixture(autouse=True)
def java(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is a Java, and nobody asked for a runtime."""
    monkeypatch.setattr(prepare, "java_missing", list)
    monkeypatch.delenv("RUNTIME", raising=False)


def no_java(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepare, "java_missing", lambda: ["Java 17 or newer is missing"])


def names(runs: list[suite.Run]) -> list[str]:
    return [run.name for run in runs]


def test_whole_system_runs_on_all_that_is_there() -> None:
    """Containers, and then processes; everything else once, with parts as processes."""
    runs = suite.plan(suite.there(Fit()))
    assert names(runs) == [
        "tests without a whole system",
        "whole system in containers",
        "whole system as local processes",
    ]
    assert [dict(run.variables) for run in runs] == [
        {"DEMAE_PARTS": "processes"},
        {"RUNTIME": "compose"},
        {"RUNTIME": "local"},
    ]


def test_no_engine_leaves_processes() -> None:
    """The whole system runs once."""
    assert suite.there(Gone()) == ["local"]


def test_no_java_leaves_containers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The parts of the other tests are in containers, too."""
    no_java(monkeypatch)
    runs = suite.plan(suite.there(Fit()))
    assert names(runs)[1:] == ["whole system in containers"]
    assert runs[0].variables == {"DEMAE_PARTS": "containers"}


@pytest.mark.parametrize("name", ["compose", "local"])
def test_forced_runtime_is_the_only_one(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Also where both are there."""
    monkeypatch.setenv("RUNTIME", name)
    assert suite.there(Fit()) == [name]


def test_forced_runtime_that_is_missing_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing else is run in its place."""
    monkeypatch.setenv("RUNTIME", "compose")
    with pytest.raises(Refusal, match="RUNTIME=compose: The container engine does not answer"):
        suite.there(Gone())


def test_neither_runtime_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to install for each."""
    no_java(monkeypatch)
    with pytest.raises(Refusal, match=r"(?s)can do neither here.*Java 17"):
        suite.there(Gone())


def test_one_failure_fails_all(capsys: pytest.CaptureFixture[str]) -> None:
    """One line for each run; the exit code is of one that failed."""
    told = [suite.Told("checks", 0, 41.2), suite.Told("whole system in containers", 1, 200), suite.Told("x", 0, 1)]
    assert suite.summary(told) == 1
    assert [line.split() for line in capsys.readouterr().out.splitlines()[1:]] == [
        ["checks", "passed", "41", "s"],
        ["whole", "system", "in", "containers", "FAILED", "(1)", "200", "s"],
        ["x", "passed", "1", "s"],
    ]


def test_interrupt_waits_for_the_end(tmp_path: Path) -> None:
    """Ctrl-C reaches the suite and pytest; the suite ends when pytest has taken down what it started."""
    file = tmp_path / "test_slow.py"
    file.write_text(
        """
import pathlib, time, pytest
@pytest.fixture
def slow():
    yield
    time.sleep(1)
    (pathlib.Path(__file__).parent / "ended").touch()
def test_it(slow):
    (pathlib.Path(__file__).parent / "began").touch()
    time.sleep(60)
"""
    )
    program = f"from local import suite; import sys; sys.exit(suite.pytest(suite.Run('x', ['-q', {str(file)!r}])))"
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "deploy"), "RUNTIME": "local"}
    run = subprocess.Popen([sys.executable, "-c", program], env=environment, start_new_session=True)
    until((tmp_path / "began").exists, 30, "the test")
    os.killpg(run.pid, signal.SIGINT)
    assert (run.wait(30), (tmp_path / "ended").exists()) == (suite.INTERRUPTED, True)
