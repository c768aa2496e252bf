"""What the provider's log and histories say comes to the cases that it is about, and names what it is not about."""

import json
from pathlib import Path
from typing import Any

import pytest

from check import clients
from check.case import Case
from check.facts import Charge
from check.history import Recorder
from check.judge import of_case
from check.spill import Spill
from check.tables import Range
from tests.support.forgery import ORDER, world

SINCE = Range(since="00000000-07d0-0000-0000-000000000000")  # two seconds behind the epoch


def charged(folder: Path, wanted: Range, **members: Any) -> list[Case]:
    """The cases that a log of one capture makes."""
    said = {"at": 3.0, "type": "payment_intent.succeeded", "path": "/confirm", "status": 200, "intent": "pi_1"}
    log = folder / "log.jsonl"
    log.write_text(json.dumps({**said, "amount": 1250, "body": {"currency": "eur", "id": "pi_1"}, **members}) + "\n")
    spill = Spill(folder)
    assert clients.copy_log(log, log.stat().st_size, wanted, spill) == spill.lines
    return [Case.of(*one) for one in spill.cases()]


def test_capture_brings_its_currency(tmp_path: Path) -> None:
    """It stands in the provider's answer; an answer that is a refusal has none."""
    [case] = charged(tmp_path, Range(), order_id=ORDER)
    assert (case.id, case.charges) == (
        ORDER,
        [Charge(3.0, "payment_intent.succeeded", "pi_1", 1250, "/confirm", 200, "eur")],
    )
    [case] = charged(tmp_path, Range(), order_id=ORDER, body={"error": {"code": "card_declined"}})
    assert case.charges[0].currency == ""


@pytest.mark.parametrize("wanted", [Range(), SINCE], ids=["all", "since"])
def test_capture_for_no_order_is_red(tmp_path: Path, wanted: Range) -> None:
    """I1: an intent that names no order and was captured is money that nobody owes."""
    [case] = charged(tmp_path, wanted)
    assert [breach.invariant for breach in of_case(case, world())] == ["I1"]


def test_broken_log_is_unreadable(tmp_path: Path) -> None:
    """Whoever wrote a line that is none into the provider's log, it is not what orders are judged by."""
    log = tmp_path / "log.jsonl"
    log.write_text('{"at": 1.0, "type": "payment_int\n')
    with pytest.raises(clients.Unreadable, match="line 1"):
        clients.copy_log(log, log.stat().st_size, Range(), Spill(tmp_path))


def test_retry_brings_its_number(tmp_path: Path) -> None:
    """It stands among the call's arguments; a client that gives none has none."""
    with Recorder(tmp_path / "client.jsonl", "client") as recorder:
        for arguments in ({"attempt": 2}, {}, {"attempt": "two"}):
            recorder.act("retryPayment", "ada", "customer", ORDER, **arguments).ok({"id": ORDER, "version": 3})
    spill = Spill(tmp_path)
    clients.copy_histories([tmp_path / "client.jsonl"], Range(), spill)
    [case] = [Case.of(*one) for one in spill.cases()]
    assert [call.attempt for call in case.calls] == [2, None, None]


def test_money_of_others_is_left_out(tmp_path: Path) -> None:
    """What was captured before the time looked at, or beside the one order; and what moved no money."""
    assert charged(tmp_path, SINCE, at=1.0) == []
    assert charged(tmp_path, Range(ORDER, ORDER)) == []
    assert charged(tmp_path, Range(), type="payment_intent.created", amount=None) == []
