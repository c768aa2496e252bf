"""What people type to act in an order, against a system of our own making."""

from typing import Any

import pytest
from typer.testing import CliRunner

from cli import app, play
from cli.errors import CommandError
from cli.tokens import Role

ORDER = {
    "id": "o-1",
    "version": 3,
    "status": "PLACED",
    "message": "Not [b]paid[/].",
    "customerId": "ann",
    "restaurantId": "sobaya",
    "courierId": None,
    "items": [{"itemId": "soba"}, {"itemId": "tea"}],
}


class Recorder:
    """A client of the principal `who`; what it is asked for, it writes down."""

    def __init__(self, who: str, said: list[tuple[Any, ...]]) -> None:
        self._who, self._said = who, said

    async def __aenter__(self) -> "Recorder":
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    async def order(self, order_id: str) -> dict[str, Any] | None:
        return ORDER if order_id == "o-1" else None

    async def retry_payment(self, order_id: str, card: str) -> dict[str, Any]:
        return self._did("retry", order_id, card)

    async def report_out_of_stock(self, order_id: str, items: list[str]) -> dict[str, Any]:
        return self._did("out of stock", order_id, *items)

    async def set_stock(self, item: str, quantity: int) -> int:
        self._did("stock", item, quantity)
        return quantity

    def _did(self, *what: Any) -> dict[str, Any]:
        self._said.append((self._who, *what))
        return ORDER


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What was asked of the system: who, what."""
    asked: list[tuple[Any, ...]] = []
    monkeypatch.setattr(play, "speak_as", lambda who, role: Recorder(f"{role}:{who}", asked))
    monkeypatch.setattr(play, "support", lambda: Recorder("support", asked))
    return asked


COMMANDS = {
    "retry-payment o-1 --card pm_x": ("customer:ann", "retry", "o-1", "pm_x"),
    "retry-payment o-1 --as bob": ("customer:bob", "retry", "o-1", "pm_card_visa"),
    "out-of-stock o-1": ("restaurant:sobaya", "out of stock", "o-1", "soba", "tea"),
    "out-of-stock o-1 tea": ("restaurant:sobaya", "out of stock", "o-1", "tea"),
    "set-stock sobaya tea 7": ("restaurant:sobaya", "stock", "tea", 7),
}


@pytest.mark.parametrize(("line", "asked"), COMMANDS.items())
def test_command_acts_as_its_person(said: list[tuple[Any, ...]], line: str, asked: tuple[Any, ...]) -> None:
    """Each is the order's own participant, or whom --as names."""
    assert CliRunner().invoke(app.app, line.split()).exit_code == 0
    assert said == [asked]


def test_new_state_is_told(said: list[tuple[Any, ...]]) -> None:
    """Where the order stands now, in the system's own words, whatever brackets are in them."""
    told = CliRunner().invoke(app.app, ["retry-payment", "o-1"]).output
    assert "PLACED (version 3)" in told and "Not [b]paid[/]." in told


def test_unknown_order_is_named(said: list[tuple[Any, ...]]) -> None:
    """Nothing is asked of an order that is not there."""
    told = CliRunner().invoke(app.app, ["out-of-stock", "o-2"])
    assert isinstance(told.exception, CommandError) and "o-2" in str(told.exception)
    assert said == []


def test_missing_courier_is_told() -> None:
    """Whose turn it would be is not known yet."""
    with pytest.raises(CommandError, match="no courier yet"):
        play.participant(ORDER, Role.COURIER)  # type: ignore[arg-type]
