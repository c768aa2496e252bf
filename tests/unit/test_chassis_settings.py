"""Settings are refused at start, all faults at once."""

from pathlib import Path

import pytest

from chassis.settings import ServiceSettings, load


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder of secret files, empty. No variable of the machine plays a part."""
    monkeypatch.setenv("SECRETS", str(tmp_path))
    for name in ("DATABASE_URL", "KAFKA_BOOTSTRAP", "KAFKA_PROPERTIES", "KAFKA_PASSWORD", "HEALTH_PORT", "LOG_LEVEL"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_every_missing_variable_is_named(secrets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One start tells all that is missing, and where else it could stand; the code is that of a bad configuration."""
    with pytest.raises(SystemExit) as end:
        load(ServiceSettings)
    assert end.value.code == 78
    assert capsys.readouterr().err.splitlines() == [
        f"{name} is not set, and there is no file {secrets}/{name}" for name in ("KAFKA_BOOTSTRAP", "DATABASE_URL")
    ]


def test_unusable_values_say_why(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A value of the wrong form is named with its fault."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://x")
    monkeypatch.setenv("KAFKA_BOOTSTRAP", "x:9092")
    monkeypatch.setenv("HEALTH_PORT", "many")
    with pytest.raises(SystemExit):
        load(ServiceSettings)
    assert "HEALTH_PORT is not usable" in capsys.readouterr().err


def test_kafka_properties_are_json(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a managed broker needs is passed through."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://x")
    monkeypatch.setenv("KAFKA_BOOTSTRAP", "x:9092")
    monkeypatch.setenv("KAFKA_PROPERTIES", '{"security.protocol": "ssl"}')
    assert load(ServiceSettings).kafka_properties == {"security.protocol": "ssl"}


def test_secret_may_be_a_file(secrets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Named as its variable; the newline at its end is none of it. The environment wins."""
    monkeypatch.setenv("KAFKA_BOOTSTRAP", "x:9092")
    (secrets / "DATABASE_URL").write_text("postgresql://file\n")
    assert load(ServiceSettings).database_url == "postgresql://file"
    monkeypatch.setenv("DATABASE_URL", "postgresql://variable")
    assert load(ServiceSettings).database_url == "postgresql://variable"


def test_password_joins_the_properties(secrets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The properties are configuration, the password alone is a secret."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://x")
    monkeypatch.setenv("KAFKA_BOOTSTRAP", "x:9092")
    monkeypatch.setenv("KAFKA_PROPERTIES", '{"sasl.username": "demae"}')
    assert load(ServiceSettings).kafka_client() == {"sasl.username": "demae"}
    (secrets / "KAFKA_PASSWORD").write_text("of the broker\n")
    assert load(ServiceSettings).kafka_client() == {"sasl.username": "demae", "sasl.password": "of the broker"}


def test_json_may_be_a_file(secrets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker's password stands in KAFKA_PROPERTIES: that is a secret too."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://x")
    monkeypatch.setenv("KAFKA_BOOTSTRAP", "x:9092")
    (secrets / "KAFKA_PROPERTIES").write_text('{"sasl.password": "s"}\n')
    assert load(ServiceSettings).kafka_properties == {"sasl.password": "s"}


def test_no_folder_of_secrets_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside of containers there is none."""
    monkeypatch.setenv("SECRETS", "/nowhere")
    monkeypatch.setenv("DATABASE_URL", "postgresql://x")
    monkeypatch.setenv("KAFKA_BOOTSTRAP", "x:9092")
    assert load(ServiceSettings).kafka_bootstrap == "x:9092"


def test_unreadable_secret_says_so(secrets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line instead of a traceback."""
    (secrets / "DATABASE_URL").symlink_to(secrets / "DATABASE_URL")
    with pytest.raises(SystemExit):
        load(ServiceSettings)
    assert f"{secrets}/DATABASE_URL" in capsys.readouterr().err


def test_text_that_is_no_json_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """One line that names the setting, without the value: it may hold a password."""
    monkeypatch.setenv("KAFKA_PROPERTIES", '{"sasl.password": "s3cret"')
    with pytest.raises(SystemExit) as end:
        load(ServiceSettings)
    said = capsys.readouterr().err
    assert (end.value.code, "kafka_properties" in said, "s3cret" in said) == (78, True, False)
