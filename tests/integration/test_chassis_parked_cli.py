"""`demae parked` on the real tables: what it lists, and what its decisions do to a running consumer."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner, Result

from chassis.cap import Cap
from cli import parked
from cli.errors import CommandError
from ground.waiting import until
from tests.support.counting import Counting, bad, happen, poison_when, running
from tests.support.databases import TestServer
from tests.support.worlds import FakeWorld


def told(counting: Counting, *words: str) -> Result:
    """The end of a command that finds this database."""
    return CliRunner().invoke(parked.app, list(words), env={"DATABASE_URL": counting.url, "USER": "ann"})


def listed(counting: Counting, *words: str) -> list[dict[str, Any]]:
    """What `list --json` says."""
    found: list[dict[str, Any]] = json.loads(told(counting, "list", "--json", *words).output)
    return found


def test_released_events_are_handled(counting: Counting, fake: FakeWorld) -> None:
    """Listed with those behind; released, its key goes on; a second release finds nothing and does nothing."""
    record, *_ = happen(fake, "a", 1, 2, 3)
    with running(counting.consumer(fake.log(), poison_when(1))):
        until(lambda: len(counting.parked()) == 3)
    (one,) = listed(counting)
    assert (one["consumer"], one["key"], one["type"], one["state"]) == ("counting", "a", "happened", "head")
    assert (one["offset"], one["behind"], one["attempts"]) == (record.offset, 2, 1)
    assert told(counting, "release", "a").exit_code == 0
    assert "released already, by ann" in told(counting, "release", "a").output
    assert listed(counting)[0]["state"] == "released"
    with running(counting.consumer(fake.log())):
        until(lambda: counting.seen() == {"a": [1, 2, 3]})
    assert isinstance(told(counting, "release", "a").exception, CommandError)
    assert listed(counting) == []


def test_discarded_events_are_kept(counting: Counting, fake: FakeWorld) -> None:
    """With name and reason, before its consumer has taken the decision up and for ever after."""
    record = bad(fake, "a")
    happen(fake, "a", 2)
    with running(counting.consumer(fake.log())):
        until(lambda: len(counting.parked()) == 2)
        assert '"number": "many"' in told(counting, "show", "a").output
        assert told(counting, "discard", "a", "--reason", "an old test").exit_code == 0
        until(lambda: counting.seen() == {"a": [2]})
    (kept,) = listed(counting, "--discarded")
    assert (kept["key"], kept["offset"], kept["who"], kept["why"]) == ("a", record.offset, "ann", "an old test")


def test_keys_are_decided_on_apart(counting: Counting, fake: FakeWorld) -> None:
    """One key's decision is not another's; --all is everybody's."""
    for key in ("a", "b", "c"):
        bad(fake, key)
    fake.append(None, b"{}", {"ce_type": "happened"})
    with running(counting.consumer(fake.log())):
        until(lambda: len(counting.parked()) == 4)
        told(counting, "discard", "a", "--reason", "no")
        until(lambda: len(counting.parked()) == 3)
        told(counting, "discard", "", "--reason", "of nobody")
        until(lambda: counting.parked() == [("b", "head"), ("c", "head")])
        told(counting, "release", "--all")
        until(lambda: counting.rows("SELECT DISTINCT attempts, state FROM parked") == [(2, "head")])
    assert "released before by ann" in told(counting, "list").output


def test_standstill_is_listed_and_ended(counting: Counting, fake: FakeWorld) -> None:
    """A consumer at its cap is told first; a person lets it go on."""
    consumer = counting.consumer(fake.log())
    consumer.limit(Cap(heads=0, seconds=60))
    bad(fake, "a")
    with running(consumer):
        until(lambda: "counting stands still" in told(counting, "list").output)
        assert told(counting, "resume", "counting").exit_code == 0
        until(lambda: counting.parked() == [("a", "head")])
        assert consumer.ready() is None
        assert "stands still" not in told(counting, "list").output
    assert isinstance(told(counting, "resume", "counting").exception, CommandError)


def test_verify_looks_and_decides_nothing(counting: Counting, fake: FakeWorld, postgres: TestServer) -> None:
    """The role that lists has no right to decide: that needs the service's own."""
    bad(fake, "a")
    with running(counting.consumer(fake.log())):
        until(lambda: len(counting.parked()) == 1)
    own = counting.url
    counting.url = postgres.url("verify", own.rsplit("/", 1)[1])
    assert [one["key"] for one in listed(counting)] == ["a"]
    refused = told(counting, "release", "a").exception
    counting.url = own
    assert isinstance(refused, CommandError)
    assert isinstance(refused.__cause__, psycopg.errors.InsufficientPrivilege)


@pytest.mark.parametrize("words", [["list"], ["list", "--discarded"]])
def test_database_without_services_is_no_error(postgres: TestServer, words: list[str]) -> None:
    """Where nothing can be parked nothing is."""
    ended = CliRunner().invoke(parked.app, words, env={"DATABASE_URL": postgres.url()})
    assert (ended.exit_code, ended.output.startswith("Nothing")) == (0, True)
