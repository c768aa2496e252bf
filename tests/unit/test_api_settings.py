"""api's settings and the small parts that need no server."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api import cursors
from api.domain import ALLOWANCES
from api.errors import RequestError
from api.events import Reason
from api.settings import ApiSettings
from chassis.settings import load

ENVIRONMENT = {"DATABASE_URL": "postgresql://api@nowhere/demae", "KAFKA_BOOTSTRAP": "nowhere:1"}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What every process has."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


def test_allowances_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every wait has one; the environment changes single ones."""
    monkeypatch.setenv("ALLOWANCES", '{"payment_timeout": 5}')
    assert load(ApiSettings).allowances == {**ALLOWANCES, Reason.PAYMENT_TIMEOUT: 5}


@pytest.mark.parametrize("given_", ['{"customer": 5}', '{"payment_timeout": 0}', '{"nonsense": 1}', "[]"])
def test_wrong_allowances_stop_the_start(monkeypatch: pytest.MonkeyPatch, given_: str) -> None:
    """A reason that is no wait, or no time at all: exit code 78, naming the variable."""
    monkeypatch.setenv("ALLOWANCES", given_)
    with pytest.raises(SystemExit) as end:
        load(ApiSettings)
    assert end.value.code == 78


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), min_size=1, max_size=3))
def test_cursor_comes_back(parts: list[str]) -> None:
    """What was put in comes out."""
    assert cursors.decode(cursors.encode(*parts), len(parts)) == tuple(parts)


@given(st.text(max_size=40))
def test_foreign_cursor_is_refused(text: str) -> None:
    """Any text is a cursor of ours or a bad request, never a fault."""
    with contextlib.suppress(RequestError):
        assert len(cursors.decode(text, 1)) == 1


@pytest.mark.parametrize(("first", "size"), [(None, 20), (1, 1), (100, 100)])
def test_page_has_a_size(first: int | None, size: int) -> None:
    """The default, and the bounds."""
    assert cursors.bounded(first) == size
