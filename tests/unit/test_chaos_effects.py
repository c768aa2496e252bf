"""A fault has hit somebody, or it was not done: nothing to signal, to repeat, to move, to poison, no call to spoil."""

from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from chaos import positions, records, trouble
from chaos import scene as scenes
from chaos.broker import Place
from chaos.deeds import do
from chaos.faults import POISONS
from tests.unit.test_chaos_deeds import FakeStack, fault, scene


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits as long as on a real system."""
    monkeypatch.setattr(scenes, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(scenes, "PATIENCE_SECONDS", 0.1)
    monkeypatch.setattr(trouble, "HIT_SECONDS", 0.1)


@pytest.mark.parametrize("kind", ["kill", "pause"])
def test_absent_part_is_not_broken(tmp_path: Path, kind: str) -> None:
    """A signal to nobody is no fault."""
    made = do(scene(stack := FakeStack(pid=""), tmp_path), fault(kind))
    assert (stack.done, made.failed[: len("AssertionError: payment to")]) == ([], "AssertionError: payment to")


def test_part_that_died_first_did_not_freeze(tmp_path: Path) -> None:
    """Its successor goes on as if nothing had been; what was begun is ended all the same."""
    stack = FakeStack()
    stack.then = lambda: setattr(stack, "pid", "8")
    made = do(scene(stack, tmp_path), fault("pause"))
    assert made.failed == "AssertionError: payment died before it froze"
    assert stack.done == ["pause payment", "resume payment"]


class FakeProvider:
    """Says after so many looks that a call was hit."""

    def __init__(self, looks: int) -> None:
        self.looks = looks
        self.said: list[str] = []

    def set(self, **faults: float) -> None:
        self.said.append("set")

    def heal(self) -> None:
        self.said.append("heal")

    def look(self) -> dict[str, Any]:
        self.looks -= 1
        return {"done": {"unavailable": 1} if self.looks <= 0 else {}}


@pytest.mark.parametrize(("looks", "failed"), [(2, ""), (1000, "AssertionError: a call to be hit did not come true")])
def test_provider_hits_somebody(tmp_path: Path, looks: int, failed: str) -> None:
    """It lasts until a call was hit; one that nobody met was not done. It heals in any case."""
    stack = FakeStack(provider_faults=FakeProvider(looks))
    made = do(scene(stack, tmp_path), fault("provider", "provider", 0.01, "unavailable"))
    assert made.failed.startswith(failed) and bool(made.failed) is bool(failed)
    assert stack.provider_faults.said == ["set", "heal"]


class FakeBroker:
    """One partition with some records; a group that has committed nothing."""

    def __init__(self, *youngest: Any) -> None:
        self._youngest = youngest
        self.repeated: list[Any] = []

    def __call__(self, _bootstrap: str) -> "nullcontext[FakeBroker]":
        return nullcontext(self)

    def partitions(self, _topic: str) -> int:
        return 1

    def youngest(self, _place: Place, _most: int) -> list[Any]:
        return list(self._youngest)

    def repeat(self, found: list[Any]) -> None:
        self.repeated += found

    def committed(self, _group: str) -> dict[Place, int]:
        return {}

    def move(self, group: str, offsets: dict[Place, int]) -> None:
        """Taken, whatever it is."""

    def put(self, topic: str, *_record: object) -> tuple[str, int, int]:
        return topic, 0, 7


SOUND = SimpleNamespace(headers=lambda: [("ce_id", b"1")])
NAMELESS = SimpleNamespace(headers=lambda: [("ce_type", b"order_created")])


@pytest.mark.parametrize(
    ("kind", "module", "broker"),
    [
        ("duplicates", records, FakeBroker()),
        ("duplicates", records, FakeBroker(NAMELESS)),
        ("offsets_rewound", positions, FakeBroker()),
        ("poison", records, FakeBroker()),
    ],
)
def test_deed_without_a_trace_is_not_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, module: Any, broker: FakeBroker
) -> None:
    """Nothing to repeat, no offset to move, no order to poison: no fault was there."""
    monkeypatch.setattr(module, "open_broker", broker)
    made = do(scene(FakeStack(), tmp_path), fault(kind, detail="bad_json"))
    assert made.failed.startswith("AssertionError: ")


def test_repeat_leaves_out_the_nameless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is repeated is known for a repeat."""
    monkeypatch.setattr(records, "open_broker", broker := FakeBroker(SOUND, NAMELESS))
    made = do(scene(FakeStack(), tmp_path), fault("duplicates", "orders.events"))
    assert (made.failed, broker.repeated) == ("", [SOUND])


@pytest.mark.parametrize("what", POISONS)
def test_only_its_own_poison_excuses_an_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    """Not a record that is skipped, nor one that has no key."""
    excused: list[str] = []
    monkeypatch.setattr(records, "open_broker", FakeBroker())
    here = scene(FakeStack(), tmp_path, orders=lambda: ["o-1"], poisoned=excused.append)
    assert do(here, fault("poison", "orders.events", detail=what)).failed == ""
    assert excused == ([] if what in {"unknown_type", "null_key"} else ["o-1"])
