"""Nothing stays behind: what is swept, and what is spared."""

import os
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from ground import ownership
from local import sweep

OBEDIENT = "import time; print(flush=True); time.sleep(60)"
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(60)"


class Children:
    """Processes of this test, by the marks they carry."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    def start(self, program: str, **marks: str) -> subprocess.Popen[bytes]:
        """Returns when the program is at work."""
        words = [sys.executable, "-c", program]
        child = subprocess.Popen(words, env={**os.environ, **marks}, stdout=subprocess.PIPE)
        self._stack.enter_context(child)
        self._stack.callback(child.kill)
        assert child.stdout is not None
        child.stdout.readline()
        return child


def runs(child: subprocess.Popen[bytes]) -> bool:
    """Whether it is still there. How it ended is lost: who swept it has read that."""
    return child.poll() is None


@pytest.fixture
def children() -> Iterator[Children]:
    """All of them are gone at the end."""
    with ExitStack() as stack:
        yield Children(stack)


def test_marked_processes_are_ended(children: Children) -> None:
    """Whoever carries the mark of the system ends; a neighbour's process does not."""
    mark = f"/{uuid.uuid4()}"
    own, neighbour = children.start(OBEDIENT, DEMAE_MARK=mark), children.start(OBEDIENT, DEMAE_MARK=f"{mark}-2")
    sweep.sweep(mark)
    assert [runs(own), runs(neighbour)] == [False, True]


def test_deaf_process_is_killed(children: Children, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that ignores the request gets no second one."""
    monkeypatch.setattr(sweep, "GRACE_SECONDS", 0.3)
    mark = f"/{uuid.uuid4()}"
    deaf = children.start(DEAF, DEMAE_MARK=mark)
    sweep.sweep(mark)
    assert not runs(deaf)


def test_dead_runs_leave_nothing(children: Children) -> None:
    """A server, a whole system and a folder of a run that is no more; this run's own stay."""
    gone = "4194305-1"  # no process id is so large
    folder = Path(tempfile.mkdtemp(prefix=f"demae-test-{gone}-"))
    server = children.start(OBEDIENT, **{ownership.MARK: gone})
    system = children.start(OBEDIENT, DEMAE_MARK=str(folder / "state"))
    own = children.start(OBEDIENT, **ownership.mark())
    ownership.sweep()
    assert [runs(server), runs(system), runs(own), folder.exists()] == [False, False, True, False]
