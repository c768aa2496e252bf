"""Nothing of a test run stays on the engine: after success, failure, Ctrl-C, and, by the next run, after kill -9."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from ground import container_runs
from ground.waiting import until
from runtime.layout import ROOT

TINY = "tests/support/tiny_run.py"
GONE = "4194305-1"  # no process id is so large
Run = subprocess.Popen[str]


@pytest.fixture
def tiny(base_image: str) -> Iterator[Callable[[str], Run]]:
    """Starts a test run of its own, in a mood."""
    with ExitStack() as stack:

        def start(mood: str) -> Run:
            run = subprocess.Popen(
                [sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", TINY],
                cwd=ROOT,
                env={**os.environ, "DEMAE_TINY_MOOD": mood, "DEMAE_TINY_IMAGE": base_image},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            stack.enter_context(run)
            stack.callback(run.kill)
            return run

        yield start
    container_runs.sweep()


def told(run: Run, word: str) -> str:
    """The line that begins with the word."""
    assert run.stdout is not None
    seen = []
    for line in run.stdout:
        seen.append(line)
        # The letters of pytest's own progress may stand before it.
        if word in line:
            return line[line.index(word) :].strip()
    raise AssertionError(f"the run never said {word!r}:\n{''.join(seen)}")


def name_of(run: Run) -> str:
    """The run's name on the engine."""
    return told(run, "run demae-test-").split()[1]


@pytest.mark.parametrize(("mood", "code"), [("succeed", 0), ("fail", 1)])
def test_ended_run_leaves_nothing(tiny: Callable[[str], Run], mood: str, code: int) -> None:
    """Containers, networks and volumes are gone when it ends."""
    run = tiny(mood)
    name = name_of(run)
    told(run, "there")
    assert (run.wait(120), container_runs.things(name)) == (code, [])


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_test_leaves_nothing(tiny: Callable[[str], Run], how: signal.Signals) -> None:
    """Ctrl-C, or a polite request to end, while a test runs."""
    run = tiny("hang")
    name = name_of(run)
    told(run, "there")
    run.send_signal(how)
    run.communicate(timeout=120)
    assert (run.returncode, container_runs.things(name)) == (2, [])


def test_interrupted_start_leaves_nothing(tiny: Callable[[str], Run]) -> None:
    """Ctrl-C while compose waits for a container to become healthy."""
    run = tiny("start")
    name = name_of(run)
    until(lambda: container_runs.things(name), 30, "something of the run")
    run.send_signal(signal.SIGINT)
    run.communicate(timeout=120)
    assert (run.returncode, container_runs.things(name)) == (2, [])


def test_killed_run_is_swept_by_the_next(tiny: Callable[[str], Run]) -> None:
    """kill -9 leaves everything; the next run removes it, and only it: a run that lives beside it is spared."""
    dead, alive = tiny("hang"), tiny("hang")
    names = [name_of(run) for run in (dead, alive)]
    told(dead, "there")
    told(alive, "there")
    dead.kill()
    dead.wait()
    left = len(container_runs.things(names[0]))
    container_runs.sweep()
    assert (left, len(container_runs.things(names[0])), len(container_runs.things(names[1]))) == (4, 0, 4)


@pytest.mark.parametrize(
    ("run", "left"),
    [
        (f"demae-test-{GONE}-{container_runs.HOST}", False),
        (f"demae-test-{GONE}-{container_runs.HOST}-side", False),
        (f"demae-test-{GONE}-0a0a0a", True),
        (container_runs.run_name(), True),
    ],
    ids=["dead", "beside", "of another machine", "alive"],
)
def test_only_dead_runs_are_swept(engine: None, run: str, left: bool) -> None:
    """What another machine runs on the same engine is its own business."""
    with container_runs.engine() as api:
        volume = api.create_volume(labels={container_runs.LABEL: run})["Name"]
        container_runs.sweep()
        there = f"volume {volume}" in container_runs.things(run)
        if there:
            api.remove_volume(volume)
    assert there == left
