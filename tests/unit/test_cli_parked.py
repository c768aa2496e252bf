"""`demae parked` as a person types it, on rows of the test's own; the SQL is tried in tests/integration."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from unittest import mock

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner, Result

from chassis.envelope import Record
from chassis.parked import to_raw
from cli import parked, parked_render, parked_rows
from cli.errors import CommandError
from cli.parked_rows import Parked, Stopped
from runtime.errors import Refusal

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
RECORD = Record("orders.events", 17, 1042, b"o-1", b"{}", [("ce_type", b"order_created"), ("ce_id", b"\xff")])
HEAD = Parked(
    schema="payment",
    consumer="payment",
    topic="orders.events",
    partition=17,
    offset=1042,
    key="o-1",
    headers=to_raw(RECORD)["headers"],
    error="Expected `int`, got `str` - at `$.total`",
    state="head",
    attempts=1,
    since=NOW - timedelta(minutes=3),
    who=None,
    why=None,
    decided=None,
    behind=2,
)
KEYLESS = replace(HEAD, schema="api", consumer="api", key="", headers=[], behind=0, error="the record has no key")
RELEASED = replace(HEAD, state="released", who="ann", decided=NOW - timedelta(seconds=5))
FAILED_AGAIN = replace(HEAD, attempts=2, who="ann", decided=NOW - timedelta(hours=2))


class Tables:
    """What `parked_rows` asks and does, without a database."""

    def __init__(self, *waiting: Parked) -> None:
        self.rows = list(waiting)
        self.discards: list[Parked] = []
        self.standing: list[Stopped] = []
        self.decisions: list[tuple[str, str, str, str | None]] = []
        self.roles: list[str] = []

    @contextmanager
    def database(self, role: str) -> Iterator[None]:
        self.roles.append(role)
        yield

    def waiting(self, _db: object) -> list[Parked]:
        return self.rows

    def discarded(self, _db: object, limit: int) -> list[Parked]:
        return self.discards[:limit]

    def behind(self, _db: object, _head: Parked) -> list[Parked]:
        return [replace(HEAD, offset=1043, state="behind")]

    def body(self, _db: object, _head: Parked) -> bytes:
        return b'{"total": "many"}'

    def stopped(self, _db: object) -> list[Stopped]:
        return self.standing

    def decide(self, _db: object, heads: Sequence[Parked], state: str, who: str, why: str | None) -> list[Parked]:
        done = list(heads)
        self.decisions += [(head.consumer, state, who, why) for head in done]
        return done

    def resume(self, _db: object, one: Stopped, who: str) -> None:
        self.decisions.append((one.consumer, "resumed", who, None))


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> Tables:
    """One head of payment and a record without a key that api cannot read."""
    made = Tables(HEAD, KEYLESS)
    for name in ("waiting", "discarded", "behind", "body", "stopped", "decide", "resume"):
        monkeypatch.setattr(parked_rows, name, getattr(made, name))
    monkeypatch.setattr(parked, "database", made.database)
    monkeypatch.setattr(parked, "person", lambda: "ann")
    monkeypatch.setattr(parked, "now", lambda: NOW)
    monkeypatch.setattr(parked, "console", Console(highlight=False, width=200))
    return made


def told(*words: str) -> Result:
    """The end of a command."""
    return CliRunner().invoke(parked.app, list(words))


def test_list_tells_each_event(tables: Tables) -> None:
    """By consumer: how many wait, and for each the key, type, age, tries, those behind, the place and the reason."""
    lines = told("list").output.splitlines()
    assert "payment: 1 event waits for a decision, 2 behind" in lines
    (head,) = [line.split() for line in lines if line.startswith("  o-1")]
    assert head == ["o-1", "order_created", "3", "m", "1", "2"]
    assert "     orders.events 17/1042: Expected `int`, got `str` - at `$.total`" in lines


def test_list_says_what_to_do(tables: Tables) -> None:
    """The ways out, as they are typed."""
    output = told("list").output
    assert [
        word for word in ("parked show KEY", "parked release KEY", "parked discard KEY") if word not in output
    ] == []


def test_keyless_records_can_be_typed(tables: Tables) -> None:
    """They are listed by what a shell takes for no key."""
    assert any(line.startswith('  ""  (no type)') for line in told("list").output.splitlines())
    assert "the record has no key" in told("show", "").output


def test_list_of_nothing_is_a_sentence(tables: Tables) -> None:
    """Good news needs no table."""
    tables.rows = []
    assert told("list").output == "Nothing is parked: every event that was read had its effect.\n"


def test_list_tells_decisions(tables: Tables) -> None:
    """What is released and not taken up yet, and what failed again after somebody released it."""
    tables.rows = [RELEASED, FAILED_AGAIN]
    output = told("list").output
    assert "released by ann 5 s ago" in output
    assert "released before by ann 2 h ago" in output


def test_events_do_not_speak_to_the_terminal(tables: Tables) -> None:
    """Whatever stands in a key, a header or an error."""
    tables.rows = [replace(HEAD, key="\x1b[31mo-1", error="\x1b]0;title\x07", headers=[("\x1b[1m", "G1sxbQ==")])]
    assert "\x1b" not in told("list").output + told("show", "\x1b[31mo-1").output


def test_list_narrows_to_a_consumer(tables: Tables) -> None:
    """Of the others nothing is told."""
    output = told("list", "--consumer", "api").output
    assert "api: 1 event waits" in output
    assert "payment" not in output


def test_list_for_programs_is_json(tables: Tables) -> None:
    """Every fact by its name."""
    head, _ = json.loads(told("list", "--json").output)
    assert head["consumer"] == "payment"
    assert (head["key"], head["type"], head["behind"]) == ("o-1", "order_created", 2)
    assert (head["topic"], head["partition"], head["offset"]) == ("orders.events", 17, 1042)
    assert head["since"] == "2026-11-24T11:57:00+00:00"


def test_standstill_is_told_first(tables: Tables) -> None:
    """A consumer at its cap is worse than any single event."""
    tables.standing = [Stopped("payment", "payment", "stopped: more than 100 events", NOW - timedelta(seconds=40))]
    assert told("list").output.startswith("payment stands still since 40 s: stopped: more than 100 events")


def test_discards_are_a_history(tables: Tables) -> None:
    """Who gave what up, and why."""
    assert told("list", "--discarded").output == "Nothing was ever discarded.\n"
    tables.discards = [replace(RELEASED, state="discarded", why="an old test")]
    (line,) = [line for line in told("list", "--discarded").output.splitlines() if "o-1" in line]
    assert [word for word in ("ann", "an old test", "5 s ago", "Expected `int`") if word not in line] == []


def test_show_has_the_event_whole(tables: Tables) -> None:
    """Headers, body, reason, and what waits behind it."""
    output = told("show", "o-1").output
    for word in ("order_created", "orders.events 17/1042", "Expected `int`", '"total": "many"', "17/1043", "1 event:"):
        assert word in output


def test_release_marks_the_heads(tables: Tables) -> None:
    """With the name of the person, by the rights of the service."""
    assert "payment: order_created of o-1 (orders.events 17/1042) is released; 2 behind it." in told(
        "release", "o-1"
    ).output.replace("\n", " ")
    assert tables.decisions == [("payment", "released", "ann", None)]
    assert tables.roles == ["verify", "payment"]


def test_release_twice_does_no_harm(tables: Tables) -> None:
    """The second person is told of the first; nothing is marked again."""
    tables.rows = [RELEASED]
    second = told("release", "o-1")
    assert (second.exit_code, tables.decisions) == (0, [])
    assert "is released already, by ann, 5 s ago" in second.output


def test_one_event_can_be_named_by_its_place(tables: Tables) -> None:
    """Also when its key cannot be typed, or is that of others."""
    tables.rows = [HEAD, replace(HEAD, consumer="delivery", key="a\x1b", offset=7), KEYLESS]
    assert told("release", "orders.events 17/7").exit_code == 0
    assert told("release", "a\\x1b").exit_code == 0
    assert tables.decisions == [("delivery", "released", "ann", None)] * 2


def test_somebody_else_may_be_first(tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look and the mark: nothing is marked, and that is said."""
    monkeypatch.setattr(parked_rows, "decide", lambda *_: [])
    assert "was decided on by somebody else" in told("release", "o-1").output.replace("\n", " ")


def test_unknown_key_is_a_sentence(tables: Tables) -> None:
    """A key that is not parked is said to be none."""
    for words in (["release", "o-2"], ["discard", "o-2", "--reason", "no"], ["show", "o-2"]):
        ended = told(*words)
        assert isinstance(ended.exception, CommandError)
        assert str(ended.exception).startswith("Nothing of o-2 is parked")
    assert tables.decisions == []


def test_all_means_every_head(tables: Tables) -> None:
    """Of all consumers, or of one."""
    assert told("release", "--all", "--consumer", "api").exit_code == 0
    assert tables.decisions == [("api", "released", "ann", None)]
    assert told("discard", "--all", "--reason", "a flood").exit_code == 0
    assert sorted(tables.decisions[1:]) == [
        ("api", "discarded", "ann", "a flood"),
        ("payment", "discarded", "ann", "a flood"),
    ]


@pytest.mark.parametrize("words", [["release"], ["release", "o-1", "--all"], ["discard", "--reason", "no"]])
def test_which_one_must_be_said(tables: Tables, words: list[str]) -> None:
    """Nothing is decided by accident."""
    assert isinstance(told(*words).exception, CommandError)
    assert tables.decisions == []


def test_discard_needs_a_reason(tables: Tables) -> None:
    """Not said, or said empty: nothing is discarded."""
    assert told("discard", "o-1").exit_code == 2
    assert isinstance(told("discard", "o-1", "--reason", " ").exception, CommandError)
    assert told("discard", "o-1", "--reason", "an old test").exit_code == 0
    assert tables.decisions == [("payment", "discarded", "ann", "an old test")]


def test_resume_is_for_who_stands_still(tables: Tables) -> None:
    """By name; for anybody else it is a sentence."""
    assert isinstance(told("resume", "payment").exception, CommandError)
    tables.standing = [Stopped("payment", "payment", "stopped", NOW)]
    assert told("resume", "payment").output == "payment goes on within a second.\n"
    assert tables.decisions == [("payment", "resumed", "ann", None)]


def test_absent_system_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """No database: what the runtime refuses is what the person reads."""
    refusing = mock.Mock(side_effect=Refusal("demae is not up"))
    monkeypatch.setattr("cli.parked.reach.database", refusing)
    assert str(told("list").exception) == "demae is not up"
    monkeypatch.setattr("cli.parked.reach.database", lambda _role: nullcontext("postgresql://127.0.0.1:1/none"))
    assert str(told("list").exception).startswith("The database: connection failed")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "(no value: a tombstone)"),
        (b'{"a":1}', '{\n  "a": 1\n}'),
        (b"{\xff\x00", "{\\xff\\x00"),
        (b"[" * 100_000, "[" * parked_render.SHOWN + "… (100000 bytes in all)"),
        (b"\x1b[31mred", "\\x1b[31mred"),
    ],
    ids=["tombstone", "json", "bytes", "long", "escape"],
)
def test_any_body_can_be_shown(value: bytes | None, shown: str) -> None:
    """Laid out, cut, and never able to speak to the terminal."""
    assert parked_render.body(value) == shown


def test_commands_have_help() -> None:
    """Each says what it is for."""
    commands = typer.main.get_command(parked.app).commands  # type: ignore[attr-defined]
    assert sorted(commands) == ["discard", "list", "release", "resume", "show"]
    assert [name for name, command in commands.items() if not command.help] == []
