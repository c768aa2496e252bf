"""Client histories: what was written is read again, whatever killed the writer."""

from pathlib import Path

import pytest

from check.history import Line, Recorder, Shown, digest, files, lines, shown

ORDER = {
    "id": "o-1",
    "version": 3,
    "status": "CANCELLED",
    "payment": {"status": "REFUNDING"},
    "cancellation": {"reason": "CUSTOMER"},
    "customerId": "ada",
    "restaurantId": "sobaya",
    "courierId": None,
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "load.jsonl"


def kinds(path: Path) -> list[str]:
    return [line.kind for line in lines(path)]


def test_everything_written_is_read(path: Path) -> None:
    """A line of each kind comes back in the order in which it was written."""
    with Recorder(path, "load") as recorder:
        recorder.place("ada", "key-0001", digest("sobaya", {"edamame": 2}, "card")).ok(ORDER)
        recorder.act("cancelOrder", "ada", "customer", "o-1").refused("TOO_LATE")
        recorder.read("ada", "customer", "o-1").unknown("time-out")
        watch = recorder.watch("ada", "customer", "o-1", after=2)
        watch.push(ORDER)
        watch.coalesced(3)
        watch.end("complete")
        fault = recorder.fault("stop", "connect")
        fault.healed()
        fault.recovered()
        recorder.poison("bad_json", ("orders.events", 3, 7), "o-1", kind="order_accepted", source="restaurant")
        recorder.decided("released", "api", ("orders.events", 3, 7), "o-1")
        recorder.note("half way", orders=10)
    wanted = "client call answer call answer call answer watch push coalesced end fault healed recovered"
    assert kinds(path) == [*wanted.split(), "poison", "decided", "note"]


def test_answer_names_its_call(path: Path) -> None:
    """`n` ties an answer to its call, also when calls overlap."""
    with Recorder(path, "load") as recorder:
        first = recorder.place("ada", "key-0001", "w1")
        recorder.place("ada", "key-0002", "w2").ok({**ORDER, "id": "o-2"})
        first.ok(ORDER)
    calls = {line.n: line.key for line in lines(path) if line.kind == "call"}
    answers = {calls[line.n]: line.shown.order for line in lines(path) if line.kind == "answer" and line.shown}
    assert answers == {"key-0001": "o-1", "key-0002": "o-2"}


def test_half_line_is_left_out(path: Path) -> None:
    """What a kill cut off is not there, and what the process wrote after its restart is."""
    with Recorder(path, "load") as recorder:
        recorder.note("one")
    with path.open("ab") as file:
        file.write(b'{"kind":"note","at":1.5,"wh')
    assert kinds(path) == ["client", "note"]
    with Recorder(path, "load again"):
        pass
    assert kinds(path) == ["client", "note", "client"]


def test_shown_keeps_what_was_selected() -> None:
    """Members that a client did not ask for are left out; those of a watched order get its id."""
    assert shown(ORDER) == Shown("o-1", 3, "CANCELLED", "REFUNDING", "CUSTOMER", "ada", "sobaya")
    assert shown({"id": "o-1", "version": 1}) == Shown("o-1", 1)


def test_pushed_order_gets_its_id(path: Path) -> None:
    """A subscription that selects only the version is told by the order it was about."""
    with Recorder(path, "load") as recorder:
        recorder.watch("ada", "customer", "o-1", after=0).push({"version": 1})
    assert [line.shown for line in lines(path) if line.kind == "push"] == [Shown("o-1", 1)]


def test_digest_ignores_the_order_of_lines() -> None:
    """The same wish is the same digest; another quantity or card is another."""
    wish = digest("sobaya", {"a": 1, "b": 2}, "card")
    assert wish == digest("sobaya", {"b": 2, "a": 1}, "card")
    assert len({wish, digest("sobaya", {"a": 2, "b": 2}, "card"), digest("sobaya", {"a": 1, "b": 2}, "other")}) == 3


def test_later_members_are_left_out(path: Path) -> None:
    """A history of a later format is read as far as it is known."""
    path.write_text('{"kind":"note","at":1.0,"what":"x","colour":"red"}\n')
    assert list(lines(path)) == [Line("note", 1.0, what="x")]


def test_folders_are_searched_for_histories(tmp_path: Path) -> None:
    """A folder stands for all histories under it, by name; a file for itself."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    for name in ("a/2.jsonl", "a/b/1.jsonl", "a/notes.txt"):
        (tmp_path / name).touch()
    assert files([tmp_path / "a", tmp_path / "x.jsonl"]) == [
        tmp_path / "a" / "2.jsonl",
        tmp_path / "a" / "b" / "1.jsonl",
        tmp_path / "x.jsonl",
    ]
