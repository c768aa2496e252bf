"""Doing a fault to a stack: begun, lasting, ended, whatever happens meanwhile."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest

from chaos import deeds
from chaos.deeds import do
from chaos.faults import Fault
from chaos.scene import Scene, Stopped
from check.history import Recorder
from ground.stack import Stack


@dataclass
class FakeStack:
    """Writes down what is done to it; `broken` is raised by whatever is named there."""

    done: list[str] = field(default_factory=list)
    broken: dict[str, Exception] = field(default_factory=dict)
    folder: Path = Path()
    pid: str = "7"
    provider_faults: Any = None
    kafka_bootstrap: str = "nowhere"
    then: Callable[[], None] = lambda: None
    """Happens behind whatever is done."""

    def note(self, what: str, process: str) -> None:
        self.done.append(f"{what} {process}")
        self.then()
        if error := self.broken.get(what):
            raise error

    def incarnation(self, process: str) -> str:
        return self.pid

    def environment(self, process: str) -> dict[str, str]:
        return {"FAILPOINTS": str(self.folder)}

    def kill(self, process: str) -> None:
        self.note("kill", process)

    def pause(self, process: str) -> None:
        self.note("pause", process)

    def resume(self, process: str) -> None:
        self.note("resume", process)

    def stop(self, process: str) -> None:
        self.note("stop", process)

    def start(self, process: str) -> None:
        self.note("start", process)


def scene(stack: FakeStack, folder: Path, **more: Any) -> Scene:
    """With a history of its own, and no load."""
    recorder = Recorder(folder / "faults.jsonl", "faults")
    given = {"orders": list, "poisoned": lambda _: None, "strike": told, **more}
    return Scene(cast(Stack, stack), recorder, **given)


def told(_on: bool, error: Exception | None = None) -> Future[None]:
    """All couriers were told, or it broke."""
    done: Future[None] = Future()
    if error:
        done.set_exception(error)
    else:
        done.set_result(None)
    return done


def fault(kind: str, part: str = "payment", seconds: float = 0.0, detail: str = "") -> Fault:
    """One that is due."""
    return Fault(0.0, kind, part, seconds, detail, 1)


@pytest.mark.parametrize(
    ("kind", "done"),
    [
        ("kill", ["kill payment"]),
        ("pause", ["pause payment", "resume payment"]),
        ("stop", ["stop payment", "start payment"]),
        ("restart", ["stop payment", "start payment"]),
    ],
)
def test_process_faults_end_again(tmp_path: Path, kind: str, done: list[str]) -> None:
    """What is taken away is given back."""
    stack = FakeStack()
    made = do(scene(stack, tmp_path), fault(kind, seconds=0.01))
    assert (stack.done, made.failed) == (done, "")
    assert made.ended >= made.began


@pytest.mark.parametrize(("kind", "last"), [("pause", "resume payment"), ("stop", "start payment")])
def test_ended_run_gives_back(tmp_path: Path, kind: str, last: str) -> None:
    """Ctrl-C in the middle of a long fault: nothing stays frozen or stopped, and nobody waits for its end."""
    stack = FakeStack()
    here = scene(stack, tmp_path)
    stack.then = here.stopping.set
    with pytest.raises(Stopped):
        do(here, fault(kind, seconds=600))
    assert stack.done[-1] == last


def test_impossible_fault_is_told(tmp_path: Path) -> None:
    """What a part says while others break it too is no end of the run."""
    made = do(scene(FakeStack(broken={"kill": OSError("nobody answers")}), tmp_path), fault("kill"))
    assert made.failed == "OSError: nobody answers"


def test_strike_ends(tmp_path: Path) -> None:
    """All go home, and come back."""
    asked: list[bool] = []

    def strike(on: bool) -> Future[None]:
        asked.append(on)
        return told(on)

    do(scene(FakeStack(), tmp_path, strike=strike), fault("strike", "couriers"))
    assert asked == [True, False]


def test_broken_strike_is_told(tmp_path: Path) -> None:
    """Couriers who did not go home are no strike."""
    broken = partial(told, error=OSError("nobody answers"))
    made = do(scene(FakeStack(), tmp_path, strike=broken), fault("strike", "couriers"))
    assert made.failed == "OSError: nobody answers"


def test_failpoint_waits_for_the_death(tmp_path: Path) -> None:
    """Armed for that process alone; over when it has fired; nothing is left armed."""
    armed = tmp_path / "batch.after_commit@payment"

    def die() -> None:
        while not armed.exists():
            pass
        armed.rename(f"{armed}.fired.7")

    dying = threading.Thread(target=die)
    dying.start()
    made = do(scene(FakeStack(folder=tmp_path), tmp_path), fault("failpoint", detail="batch.after_commit"))
    dying.join()
    assert made.failed == ""
    assert list(tmp_path.glob("batch*")) == []


def test_waiting_tells_the_trouble(tmp_path: Path) -> None:
    """A condition that cannot even be asked for is not true yet; in the end the reason is told."""
    here = scene(FakeStack(), tmp_path)

    def asked() -> bool:
        raise ConnectionError("nobody there")

    with pytest.raises(AssertionError, match=r"the sun did not come true within 0.2 s.*nobody there"):
        here.until(asked, "the sun", 0.2)


def test_every_deed_has_a_sentence() -> None:
    """What it does, for who reads the code."""
    assert all(deed.__doc__ for deed in deeds.DEEDS.values())
