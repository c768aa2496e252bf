"""The commands behind the Makefile, before any runtime is asked."""

import re
import stat
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from local import prepare
from local.configuration import DATA
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


@pytest.fixture
def system(tmp_path: Path) -> layout.Layout:
    """In the default folder of a checkout."""
    state = tmp_path / ".run"
    return replace(layout.from_environment({}), root=tmp_path, state=state, downloads=state / "downloads")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def fill(folder: Path, *paths: str) -> None:
    """Empty files; a folder where the path ends with a slash."""
    folder.mkdir(exist_ok=True)
    for path in paths:
        place = folder / path
        place.mkdir(parents=True) if path.endswith("/") else place.touch()


def test_forgetting_keeps_what_is_the_checkouts(system: layout.Layout) -> None:
    """Downloads, and which images hold here, are no data of a system; nor is what a person put there."""
    fill(system.state, "downloads/", "secrets/payment/", "postgres/base/", "thesis/", ".profile")
    fill(system.state, "images.env", "secrets.json", "secrets.json.new", "settings.json")
    layout.forget(system)
    assert names(system.state) == [".profile", "downloads", "images.env", "thesis"]


def test_all_that_is_written_is_forgotten() -> None:
    """A name that a runtime uses in the state folder, and that `clean` does not know, would stay."""
    files = [
        path for part in ("runtime", "local", "containers") for path in (layout.ROOT / "deploy" / part).glob("*.py")
    ]
    written = {name for path in files for name in re.findall(r'state / "([^"]+)"', path.read_text())}
    kept = {"lock", "secrets.lock"}
    assert {*written, DATA} - kept <= {*layout.DATA, *layout.SECRETS, *layout.WORK}
    assert {"postgres", "secrets.json"} <= written


def test_folder_of_other_things_is_refused(
    state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """DEMAE_STATE=$HOME: said in one line by both steps of `make up`, before anything is written."""
    fill(state, "thesis/")
    monkeypatch.setattr(commands, "choose", lambda _: "")  # nothing is begun, whatever is not refused
    assert run(monkeypatch, "up") == 1
    told = capsys.readouterr().err.strip()
    assert re.fullmatch(r".*/state is no folder of demae, and not empty: set DEMAE_STATE to .*", told)
    assert prepare.runtime_missing() == [told]
    assert names(state) == ["thesis"]


@pytest.mark.parametrize("there", [["downloads/"], ["secrets.json", "postgres/"], ["settings.json", "thesis/"]])
def test_own_folder_is_no_other(state: Path, there: list[str]) -> None:
    """What Maven fetched lies there already, or a system does."""
    where = replace(layout.from_environment(), downloads=state / "downloads")
    fill(state, *there)
    layout.refuse_strange(where)


def test_folder_stays_a_systems(state: Path) -> None:
    """After an `up` that was killed at once, and after `clean`, whatever else lies there."""
    where = layout.from_environment()
    where.make()
    layout.refuse_strange(where)
    layout.forget(where)
    fill(state, "hs_err_pid7.log")
    layout.refuse_strange(where)


def test_default_folder_holds_more(system: layout.Layout) -> None:
    """Images were made, and tests have failed, before the first `make up`."""
    fill(system.state, "downloads/", "failed/", "images/")
    layout.refuse_strange(system)


def test_default_folder_is_closed(system: layout.Layout, tmp_path: Path) -> None:
    """Also when `make images` made it; one that a person chose and opened stays as it is."""
    chosen = replace(system, state=tmp_path / "chosen")
    for where in (system, chosen):
        where.state.mkdir()
        where.state.chmod(0o755)
        where.make()
    assert [stat.S_IMODE(where.state.stat().st_mode) for where in (system, chosen)] == [0o700, 0o755]


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
