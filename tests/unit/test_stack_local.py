"""The stack of local processes: what a start that fails leaves, and what is done to who does not run."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import cast
from unittest.mock import Mock

import psutil
import pytest

from ground import ownership, ports, stack_local
from ground.stack_local import LocalStack, local_stack
from ground.waiting import until
from local import down, up
from local.control import Control
from local.supervise import State
from runtime.errors import PortTaken, Refusal


@pytest.fixture
def happened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What was done to a system whose parts are none: `up OFFSET`, and `clean` with its data still there."""
    done: list[str] = []
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setattr(ownership, "sweep", lambda: None)
    monkeypatch.setattr(ownership, "folder", lambda: home)
    monkeypatch.setattr(ports, "free_offsets", lambda: iter((300, 400)))
    monkeypatch.setattr(up, "bring", lambda known: done.append(f"up {known.layout.offset}"))
    monkeypatch.setattr(
        down, "clean", lambda known: done.append("clean" if known.layout.state.exists() else "clean too late")
    )
    yield done
    assert not home.exists()


def failing(monkeypatch: pytest.MonkeyPatch, happened: list[str], *errors: BaseException) -> None:
    """Each start raises the next one."""
    left = list(errors)

    def bring(_known: object) -> None:
        happened.append("up")
        if left:
            raise left.pop(0)

    monkeypatch.setattr(up, "bring", bring)


def test_system_ends_with_its_block(happened: list[str]) -> None:
    """Stopped, then forgotten."""
    with local_stack():
        assert happened == ["up 300"]
    assert happened == ["up 300", "clean"]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), Refusal("not ready"), OSError("no supervisor")])
def test_start_that_fails_leaves_nothing(
    happened: list[str], monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    """What runs already is stopped, before its data goes: also when a person loses patience."""
    failing(monkeypatch, happened, error)
    with pytest.raises(type(error)), local_stack():
        pass
    assert happened == ["up", "clean"]


def test_taken_port_is_another_range(happened: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was started there."""
    failing(monkeypatch, happened, PortTaken("another run was faster"))
    with local_stack() as stack:
        assert (happened, stack.known.layout.offset) == (["up", "up"], 400)


@pytest.fixture
def process() -> Iterator[psutil.Process]:
    """One that would run for long."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield psutil.Process(child.pid)
    child.kill()
    child.wait()


def stack(*pids: int) -> LocalStack:
    """Its `payment` has these process ids, one each time that somebody asks; the last one stays."""
    left = list(pids)
    control = Mock()
    control.running.side_effect = lambda: {
        "payment": Mock(state=State("RUNNING", left.pop(0) if len(left) > 1 else left[0], 0))
    }
    return LocalStack(cast(Control, control))


def test_dead_process_is_frozen_once_it_runs(process: psutil.Process) -> None:
    """What its supervisor is about to start again is there a moment later."""
    frozen = stack(0, 0, process.pid)
    frozen.pause("payment")
    until(lambda: process.status() == psutil.STATUS_STOPPED)
    frozen.resume("payment")
    until(lambda: process.status() != psutil.STATUS_STOPPED)


def test_nobody_is_not_frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault that did nothing is none."""
    monkeypatch.setattr(stack_local, "ALIVE_SECONDS", 0.05)
    with pytest.raises(AssertionError, match="payment to freeze"):
        stack(0).pause("payment")


def test_nobody_is_not_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who comes to life by itself was not killed."""
    monkeypatch.setattr(stack_local, "ALIVE_SECONDS", 0.05)
    nobody = stack(0)
    with pytest.raises(AssertionError, match="payment to kill"):
        nobody.kill("payment")
    assert not cast(Mock, nobody.control).kill.called


def test_kill_is_over_when_it_is_dead() -> None:
    """Another one may run by then."""
    killed = stack(0, 7, 7, 8)
    killed.kill("payment")
    cast(Mock, killed.control).kill.assert_called_once_with("payment")
