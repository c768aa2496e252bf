"""Events that cannot be handled: every kind of them is parked with where, why and how often, and stops its key only."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from chassis.envelope import Event, Versions, new_id
from chassis.telemetry import metrics
from ground.waiting import until
from tests.support.counting import READS, Counting, Happened, bad, decide, happen, poison_when, running
from tests.support.worlds import FakeWorld, Headers, World, repeat

BODY = b'{"number": 1}'
MEGABYTE = 1_000_000


def envelope(**changed: str | bytes | None) -> Headers:
    """The headers of an event that is counted, with some of them changed; None leaves one out."""
    whole: dict[str, str | bytes | None] = {
        "ce_specversion": "1.0",
        "ce_id": str(new_id()),
        "ce_type": "happened",
        "ce_source": "outside",
        "ce_time": "2026-01-01T00:00:00Z",
        "ce_schemaversion": "1",
        **changed,
    }
    return {name: value for name, value in whole.items() if value is not None}


# Name → body, headers, and what the reason must say.
POISON: dict[str, tuple[bytes | None, Headers, str]] = {
    "bad json": (b"{", envelope(), "truncated"),
    "no json": (b"\x00\xff\xfe", envelope(), "malformed"),
    "empty": (b"", envelope(), "truncated"),
    "bad utf-8": (b'{"number": "\xff\xfe"}', envelope(), "int"),
    "null": (b"null", envelope(), "Expected `object`"),
    "wrong member": (b'{"number": "many"}', envelope(), "Expected `int`"),
    "member missing": (b"{}", envelope(), "missing required field `number`"),
    "nul character": (b'{"number": "\\u0000"}', envelope(), "Expected `int`"),
    "deep nesting": (b"[" * 10_000 + b"]" * 10_000, envelope(), "Expected `object`"),
    "deep in a member": (b'{"x":' + b"[" * 10_000 + b"]" * 10_000 + b',"number":1}', envelope(), "recursion"),
    "a megabyte": (b'{"number": "' + b"x" * MEGABYTE + b'"}', envelope(), "Expected `int`"),
    "tombstone": (None, envelope(), "no value"),
    "unknown version": (BODY, envelope(ce_schemaversion="2"), "version 2 of happened is not understood here, only 1"),
    "version zero": (BODY, envelope(ce_schemaversion="0"), "version 0"),
    "garbage version": (BODY, envelope(ce_schemaversion="one"), "one"),
    "no id": (BODY, envelope(ce_id=None), "ce_id"),
    "id is no uuid": (BODY, envelope(ce_id="17"), "UUID"),
    "garbage id": (BODY, envelope(ce_id=b"\xff\x00\xff"), "UUID"),
    "no source": (BODY, envelope(ce_source=None), "ce_source"),
    "no time": (BODY, envelope(ce_time=None), "ce_time"),
    "garbage time": (BODY, envelope(ce_time="yesterday"), "yesterday"),
}

# What looks odd and is none: it has its effect.
SOUND: dict[str, tuple[bytes | None, Headers]] = {
    "no version": (BODY, envelope(ce_schemaversion=None)),
    "more members": (b'{"number": 1, "colour": {"deep": [[[]]]}}', envelope()),
    "a megabyte more": (b'{"number": 1, "note": "' + b"x" * MEGABYTE + b'"}', envelope()),
    "garbage trace": (BODY, envelope(traceparent=b"\x00\xff")),
    "foreign headers": (BODY, {**envelope(), "x": b"\xff" * 1000, "": "nameless", "null": None}),
}

# What is not for this service, whatever it is.
STRANGE: dict[str, tuple[bytes | None, Headers]] = {
    "unknown type": (b"{", envelope(ce_type="unheard_of")),
    "no type": (b"{", envelope(ce_type=None)),
    "garbage type": (b"{", envelope(ce_type=b"\xff\xff")),
    "no headers": (None, {}),
}


def test_every_poison_stops_its_key_only(counting: Counting, world: World) -> None:
    """Each kind is a head with its reason; its later events wait in order, passing types pass, other keys go on."""
    heads = {name: world.append(name.encode(), body, headers) for name, (body, headers, _) in POISON.items()}
    for name in POISON:
        happen(world, name, 2, 3)
        happen(world, name, 9, kind="urgent")
    happen(world, "another", 1, 2)
    with running(counting.consumer(world.log(), passes=frozenset({"urgent"}))):
        until(lambda: counting.seen() == {"another": [1, 2], **{name: [9] for name in POISON}})
    assert counting.parked() == [(name, state) for name in sorted(POISON) for state in ("head", "behind", "behind")]
    found = counting.rows("SELECT key, topic, partition, \"offset\", attempts, error FROM parked WHERE state = 'head'")
    assert {str(key): place for key, *place, _ in found} == {
        name: [record.topic, record.partition, record.offset, 1] for name, record in heads.items()
    }
    assert {str(key): error for key, *_, error in found if POISON[str(key)][2] not in str(error)} == {}


def test_odd_events_have_their_effect(counting: Counting, world: World) -> None:
    """What a reader can understand is not refused for what stands beside it."""
    for name, (body, headers) in SOUND.items():
        world.append(name.encode(), body, headers)
    with running(counting.consumer(world.log())):
        until(lambda: counting.seen() == {name: [1] for name in SOUND} or counting.parked())
    assert counting.rows("SELECT key, error FROM parked") == []


def test_strange_types_are_skipped(counting: Counting, world: World) -> None:
    """A type that is not read here is counted, not parked; its key goes on, its position too."""
    before = skipped()
    for body, headers in STRANGE.values():
        world.append(b"a", body, headers)
    happen(world, "a", 1)
    with running(counting.consumer(world.log())):
        until(lambda: counting.seen() == {"a": [1]})
    assert counting.parked() == []
    assert skipped() == before + len(STRANGE)


def skipped() -> float:
    """How many events of types that are read nowhere here were counted."""
    return float(metrics.events.labels("counting", "other", "skipped")._value.get())


@pytest.mark.parametrize("key", [None, b""], ids=["null", "empty"])
def test_records_without_key_wait_for_nobody(counting: Counting, world: World, key: bytes | None) -> None:
    """They belong to nobody and have no order: each is a head, and one may be settled before another."""
    for _ in range(3):
        world.append(key, BODY, envelope())
    happen(world, "a", 1)
    with running(counting.consumer(world.log())):
        until(lambda: counting.seen() == {"a": [1]} and len(counting.parked()) == 3)
        assert counting.parked() == [("", "head")] * 3
        counting.rows(
            "UPDATE parked SET state = 'discarded', who = 'ann', why = 'no', decided = now()"
            ' WHERE (topic, partition, "offset") IN (SELECT topic, partition, max("offset") FROM parked GROUP BY 1, 2)'
            " RETURNING 1"
        )
        until(lambda: counting.rows("SELECT 1 FROM discarded"))
        until(lambda: "discarded" not in [state for _, state in counting.parked()])
    assert {state for _, state in counting.parked()} == {"head"}


def test_bad_key_stops_nobody_else(counting: Counting, world: World) -> None:
    """Bytes that are no text are a key of their own."""
    world.append(b"\xff\xfe", BODY, envelope())
    happen(world, "a", 1)
    with running(counting.consumer(world.log())):
        until(lambda: counting.seen() == {"a": [1]})
        until(lambda: counting.parked() == [("��", "head")])


def test_key_is_parked_in_its_topic(counting: Counting, fake: FakeWorld) -> None:
    """The same key elsewhere is another thing: there it goes on."""
    fake.broker = type(fake.broker)({fake.topic: 3, "other.events": 3})
    bad(fake, "a")
    with running(counting.consumer(fake.log(), more=["other.events"])):
        until(lambda: counting.parked() == [("a", "head")])
        fake.broker.publish(Event("other.events", "a", "happened", Happened(7)), "outside")
        until(lambda: counting.seen() == {"a": [7]})
    assert counting.parked() == [("a", "head")]


def test_repeats_of_parked_events_are_dropped(counting: Counting, world: World) -> None:
    """CDC says the head and those behind it once more: they are parked once, and have their effect once."""
    records = happen(world, "a", 1, 2)
    with running(counting.consumer(world.log(), poison_when(1))):
        until(lambda: len(counting.parked()) == 2)
        for record in records:
            repeat(world, record)
        happen(world, "b", 7)
        until(lambda: counting.seen() == {"b": [7]})
        happen(world, "a", 3)
        until(lambda: len(counting.parked()) == 3)
    with running(counting.consumer(world.log())):
        decide(counting, "released")
        until(lambda: counting.seen() == {"a": [1, 2, 3], "b": [7]})
        repeat(world, records[0])
        happen(world, "a", 4)
        until(lambda: counting.seen() == {"a": [1, 2, 3, 4], "b": [7]})


@dataclass(frozen=True)
class Said:
    """The event before it was counted in numbers."""

    word: str


def numbered(old: Said) -> Happened:
    """The step from version 1 to 2; fails for a word that is no number."""
    return Happened(int(old.word))


def test_old_versions_are_lifted(counting: Counting, world: World) -> None:
    """Both versions of a type side by side: the handler sees the newest, a step that fails parks its event."""
    reads = {**READS, "happened": Versions({1: Said, 2: Happened}, {1: numbered})}
    world.append(b"a", b'{"word": "1"}', envelope())
    world.append(b"a", b'{"number": 2}', envelope(ce_schemaversion="2"))
    world.append(b"b", b'{"word": "many"}', envelope())
    world.append(b"c", b'{"number": 3}', envelope(ce_schemaversion="3"))
    with running(counting.consumer(world.log(), reads=reads)):
        until(lambda: counting.seen() == {"a": [1, 2]} and len(counting.parked()) == 2)
    errors = {str(key): str(error) for key, error in counting.rows("SELECT key, error FROM parked")}
    assert "ValueError" in errors["b"]
    assert errors["c"] == "version 3 of happened is not understood here, only 1, 2"
