"""The command's answer: its exit says whether it could look at all, its words whether all was at rest."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from confluent_kafka import KafkaError, KafkaException
from typer.testing import CliRunner, Result

from chassis.kafka import Place
from check import clients, look, quiet, topics, where
from check.__main__ import app
from check.spill import Spill
from tests.support.forgery import world

MOVING = "3 orders open"


@contextmanager
def somewhere() -> Iterator[where.Where]:
    yield where.Where("postgresql:///nowhere")


def asked(monkeypatch: pytest.MonkeyPatch, folder: Path, *options: str, failure: Exception | None = None) -> Result:
    """The command where there is nothing to find, or where looking fails."""

    def looked(*_given: Any) -> look.Evidence:
        if failure is not None:
            raise failure
        return look.Evidence(world(), Spill(folder))

    monkeypatch.setattr(where, "find", somewhere)
    monkeypatch.setattr(look, "look", looked)
    monkeypatch.setattr(quiet, "wait", lambda *_given: MOVING)
    return CliRunner().invoke(app, options)


@pytest.mark.parametrize(
    "failure",
    [
        psycopg.OperationalError("no such host"),
        topics.Unreachable("the broker is away"),
        clients.Unreadable("line 7 of the provider's log"),
        OSError(28, "no space left on device"),
        KeyError("a fault of the check itself"),
    ],
    ids=lambda failure: type(failure).__name__,
)
def test_failure_is_no_verdict(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, failure: Exception) -> None:
    """Exit 1 says that something is violated: whatever keeps the check from looking is 2."""
    told = asked(monkeypatch, tmp_path, failure=failure)
    assert told.exit_code == 2
    assert "check cannot look" in told.stderr


def test_what_moved_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Who waited for quiet and did not get it is told so, in words and in JSON; nobody else is."""
    told = asked(monkeypatch, tmp_path, "--quiet-first", "1")
    assert (told.exit_code, MOVING in told.stdout) == (0, True)
    assert json.loads(asked(monkeypatch, tmp_path, "--quiet-first", "1", "--json").stdout)["moving"] == MOVING
    assert json.loads(asked(monkeypatch, tmp_path, "--json").stdout)["moving"] == ""


def test_broker_that_fails_is_unreachable() -> None:
    """Whatever the client raises while it reads, the reader says that the broker does not answer."""

    class Broken:
        def offsets_for_times(self, *_given: Any, **_more: Any) -> None:
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))

        consume = offsets_for_times

        def assign(self, _places: Any) -> None:
            pass

    reader = topics.Topics({})
    reader._consumer = Broken()  # type: ignore[assignment]  # in place of the client
    reader.bounds = lambda: ({Place("ticks", 0): 0}, {})  # type: ignore[method-assign]
    for since in (0.0, 5.0):
        with pytest.raises(topics.Unreachable):
            list(reader.read(["ticks"], {Place("ticks", 0): 9}, since))
