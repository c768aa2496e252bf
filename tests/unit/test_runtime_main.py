"""The commands behind the Makefile, before any runtime is asked."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from runtime import __main__ as commands
from runtime import layout, look
from runtime.discovery import Process

PROCESSES = [
    Process("api-http", "api", ("http",)),
    Process("api-projector", "api", ("projector",)),
    Process("payment", "payment"),
    Process("provider", "provider", service=False),
]


@pytest.fixture
def state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where nothing was ever up."""
    monkeypatch.setenv("DEMAE_STATE", str(tmp_path / "state"))
    for name in ("RUNTIME", "DEMAE_PORT_OFFSET"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "state"


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    """`python -m runtime WORDS`; -> its exit code."""
    monkeypatch.setattr(sys, "argv", ["runtime", *words])
    return commands.main()


@pytest.mark.parametrize(("command", "code"), [("status", 3), ("logs", 3), ("down", 0), ("clean", 0)])
def test_nothing_here_makes_nothing(
    state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str, code: int
) -> None:
    """Looking leaves no folder, and asks no engine."""
    monkeypatch.setenv("PATH", str(state))
    assert run(monkeypatch, command) == code
    assert capsys.readouterr().out.startswith("demae is not up: `make up`")
    assert not state.exists()


def test_refusal_is_a_message(state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """On standard error, without a traceback."""
    state.mkdir()
    layout.remember(state, runtime="local")
    monkeypatch.setenv("RUNTIME", "compose")
    assert run(monkeypatch, "up") == 1
    assert "was made with RUNTIME=local" in capsys.readouterr().err


def test_forgetting_keeps_what_is_the_checkouts(tmp_path: Path) -> None:
    """Downloads, and which images hold here, are no data of a system."""
    state = tmp_path / ".run"
    (state / "downloads").mkdir(parents=True)
    (state / "secrets" / "payment").mkdir(parents=True)
    for name in ("images.env", "secrets.json", "settings.json"):
        (state / name).touch()
    layout.forget(replace(layout.from_environment({}), root=tmp_path, state=state, downloads=state / "downloads"))
    assert sorted(path.name for path in state.iterdir()) == ["downloads", "images.env"]


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ([], ["kafka", "api-http", "api-projector", "payment"]),
        (["api"], ["api-http", "api-projector"]),
        (["payment", "kafka"], ["kafka", "payment"]),
    ],
)
def test_service_means_its_processes(names: list[str], found: list[str]) -> None:
    """`make logs S=api` is both of them."""
    assert look.chosen(["kafka", "api-http", "api-projector", "payment"], PROCESSES, names) == found


def test_unknown_name_lists_the_known() -> None:
    """As every message about a name does."""
    with pytest.raises(SystemExit, match="There is no process paymnet: there are kafka, payment"):
        look.chosen(["kafka", "payment"], PROCESSES, ["paymnet"])


def test_foreground_takes_one() -> None:
    """`make run S=api` asks which."""
    assert look.single(PROCESSES, "payment").name == "payment"
    with pytest.raises(SystemExit, match=r"which one\? There are api-http, api-projector\."):
        look.single(PROCESSES, "api")
