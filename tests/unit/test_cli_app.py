"""The commands as a person types them."""

import pytest
from typer.testing import CliRunner

from cli import app as cli
from cli.errors import CommandError
from cli.session import explain
from demae_client import DemaeError, Lost, Refused, RequestError, UserError, UserErrors

SECRET = "a development secret of enough bytes"
COMMANDS = (
    "menu",
    "place",
    "cancel",
    "retry-payment",
    "ready",
    "out-of-stock",
    "set-stock",
    "pick-up",
    "deliver",
    "shift",
    "watch",
    "timeline",
    "orders",
    "token",
)
RUNTIME_COMMANDS = ("kill", "stop", "start", "doctor", "first-order")


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> None:
    """An address where nobody listens."""
    monkeypatch.setenv("DEMAE_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("JWT_SECRET", SECRET)


def test_help_teaches_every_command() -> None:
    """The first page names every command and a first walk."""
    told = CliRunner().invoke(cli.app, ["--help"], env={"COLUMNS": "200"}).output
    assert [name for name in (*COMMANDS, *RUNTIME_COMMANDS) if name not in told] == []
    assert "A first walk" in told


@pytest.mark.parametrize("name", [*COMMANDS, *RUNTIME_COMMANDS])
def test_each_command_has_help(name: str) -> None:
    """`--help` behind each command explains it."""
    told = CliRunner().invoke(cli.app, [name, "--help"])
    assert (told.exit_code, "Usage" in told.output) == (0, True)


def test_token_is_all_that_is_printed(system: None) -> None:
    """A token can be put into a shell's substitution."""
    told = CliRunner().invoke(cli.app, ["token", "courier", "c-01"])
    assert told.output.strip().count(".") == 2
    assert len(told.output.split()) == 1


def test_silent_system_is_a_sentence(system: None) -> None:
    """Nobody listens: the message says what to do, and the exit code is not 0."""
    told = CliRunner().invoke(cli.app, ["menu"])
    assert isinstance(told.exception, CommandError)
    assert "make up" in str(told.exception)


def test_failure_leaves_an_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], system: None
) -> None:
    """What a command cannot do is told on standard error, without a stack trace."""
    monkeypatch.setattr("sys.argv", ["demae", "menu"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    assert "No answer" in capsys.readouterr().err


def test_missing_environment_exits_78(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A configuration error has the exit code of one, and names what is missing."""
    monkeypatch.delenv("DEMAE_URL", raising=False)
    monkeypatch.delenv("JWT_SECRET", raising=False)
    monkeypatch.setattr("sys.argv", ["demae", "orders"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 78
    assert "DEMAE_URL is not set" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (UserErrors([UserError("TOO_LATE", "It is on its way.")]), "It is on its way. [TOO_LATE]"),
        (RequestError("UNAUTHENTICATED", "no"), "JWT_SECRET"),
        (Refused(4403, "Forbidden"), "JWT_SECRET"),
        (Lost(None, "refused"), "demae doctor"),
        (RequestError("BAD_USER_INPUT", "strange"), "strange"),
    ],
)
def test_error_says_what_to_do(error: DemaeError, words: str) -> None:
    """Each kind of error is a sentence for the person who typed."""
    assert words in explain(error)
