"""Settings are refused at start, all faults at once."""

import pytest

from chassis.settings import ServiceSettings, load


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of the machine plays a part."""
    for name in ("DATABASE_URL", "KAFKA_BOOTSTRAP", "KAFKA_PROPERTIES", "HEALTH_PORT", "LOG_LEVEL"):
        monkeypatch.delenv(name, raising=False)


def test_every_missing_variable_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """One start tells all that is missing, and ends with the code for a bad configuration."""
    with pytest.raises(SystemExit) as end:
        load(ServiceSettings)
    assert end.value.code == 78
    assert capsys.readouterr().err.splitlines() == ["DATABASE_URL is not set", "KAFKA_BOOTSTRAP is not set"]


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
