"""How a run ends: judged, told and written down first; then the system may stay, or go."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from chaos import __main__ as program
from chaos import run
from chaos.judge import Judgement
from chaos.plan import Plan
from chaos.run import Played
from tests.support.chaos_fates import met, story

LATE = met("payment", 110, 111, 131)


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Played:
    """A run that has been played, one part of it too slowly."""
    played = Played(100.0, 220.0, [story()], [LATE], frozenset(), [], [])
    (log := tmp_path / "log").touch()

    async def play(*_: object) -> Played:
        return played

    @contextmanager
    def stack(**_: str) -> Iterator[Any]:
        yield SimpleNamespace(provider_log=log, processes=list)

    monkeypatch.setattr(run, "play", play)
    monkeypatch.setattr(program, "judged", lambda *_: Judgement({"I1": "held"}, []))
    monkeypatch.setattr(program, "look_back", lambda *_: None)
    monkeypatch.setattr(program, "_stack", lambda _: stack)
    return played


@pytest.mark.usefixtures("ended")
def test_verdict_is_told_before_anybody_waits(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who closes the terminal of a system that was kept loses nothing."""
    known: list[str] = []

    def wait(_stack: object) -> None:
        known.extend([*json.loads((tmp_path / "result.json").read_text())["violated"], capsys.readouterr().out])

    monkeypatch.setattr(program, "_wait", wait)
    program.tried(Plan(1.0, 1, 1.0, "local", tmp_path, keep=True))
    violated, told = known
    assert "kill payment 20.0 s" in violated
    assert "violations: 1" in told


@pytest.mark.usefixtures("ended")
@pytest.mark.parametrize("limits", [True, False])
def test_limits_may_be_left_unjudged(tmp_path: Path, limits: bool) -> None:
    """On a busy machine they say nothing; the figure is there all the same."""
    last = program.tried(Plan(1.0, 1, 1.0, "local", tmp_path, limits=limits))
    assert (last["violations"], last["recovery_p99_s"]) == (int(limits), {"service": 20.0})
