"""The provider's log: what was answered is there after any death, and adds up to the same state."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from provider.bank import Bank
from provider.errors import Refusal, broken
from provider.keys import Keys, fingerprint
from provider.store import KEY_KEPT_SECONDS, Line, Store

NOW = 1_700_000_000.0


def request(key: str | None = None, params: dict[str, str] | None = None) -> Line:
    """The beginning of a line, as the HTTP face makes it."""
    print_of_request = fingerprint("POST", "/v1/x", params or {})
    return Line(NOW, "", "req_1", "/v1/x", 0, msgspec.Raw(), key=key, fingerprint=print_of_request)


def create(bank: Bank, key: str | None = None) -> str:
    """A new intent's id."""
    params = {"amount": "1250", "currency": "eur", "metadata[order_id]": "o1"}
    line = bank.execute(Bank.create, "", params, request(key, params))
    return str(msgspec.json.decode(line.body)["id"])


def history(bank: Bank) -> None:
    """Something of everything: paid and refunded, declined then canceled, refused."""
    paid, declined = create(bank, "k1"), create(bank)
    bank.execute(Bank.confirm, paid, {"payment_method": "pm_card_visa"}, request("k2"))
    bank.execute(Bank.refund, "", {"payment_intent": paid, "amount": "250"}, request())
    bank.execute(Bank.cancel, paid, {}, request())  # refused: it has succeeded
    bank.execute(Bank.confirm, declined, {"payment_method": "pm_card_chargeDeclined"}, request())
    bank.execute(Bank.cancel, declined, {}, request())


def lines(path: Path) -> list[dict[str, Any]]:
    """The log as any reader sees it."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_reopened_log_is_the_same_state(tmp_path: Path) -> None:
    """Nothing is kept but the log, and the log is enough."""
    first = Store(tmp_path / "log", NOW)
    history(Bank(first))
    second = Store(tmp_path / "log", NOW)
    assert (second.intents, second.keys) == (first.intents, first.keys)


def test_line_stands_before_the_answer(tmp_path: Path) -> None:
    """When `execute` returns, the line can be read by another process: a kill now loses nothing."""
    store = Store(tmp_path / "log", NOW)
    intent = create(Bank(store))
    assert [(line["type"], line["intent"]) for line in lines(tmp_path / "log")] == [("payment_intent.created", intent)]


def test_log_judges_without_joining(tmp_path: Path) -> None:
    """Each line names the order and the money that moved."""
    history(Bank(Store(tmp_path / "log", NOW)))
    moved = [(line["order_id"], line["type"], line["amount"]) for line in lines(tmp_path / "log") if "amount" in line]
    assert moved == [("o1", "payment_intent.succeeded", 1250), ("o1", "refund.created", 250)]


@pytest.mark.parametrize("cut", [1, 20, 100])
def test_half_line_was_never_answered(tmp_path: Path, cut: int) -> None:
    """A line without its end is taken back, and the next one is whole."""
    path = tmp_path / "log"
    store = Store(path, NOW)
    kept, lost = create(Bank(store)), create(Bank(store))
    path.write_bytes(path.read_bytes()[:-cut])
    again = Store(path, NOW)
    assert (kept in again.intents, lost in again.intents) == (True, False)
    create(Bank(again))
    assert len(lines(path)) == 2


def test_unknown_intent_leaves_no_line(tmp_path: Path) -> None:
    """A request that was refused before execution is no outcome."""
    store = Store(tmp_path / "log", NOW)
    with pytest.raises(Refusal):
        Bank(store).execute(Bank.cancel, "pi_nobody", {}, request("k"))
    assert (lines(tmp_path / "log"), store.keys) == ([], {})


def test_disputed_charge_is_never_refunded(tmp_path: Path) -> None:
    """Once the bank has refused, it refuses after any restart; the log says so, and names the order."""
    first = Store(tmp_path / "log", NOW)
    bank = Bank(first, refuses=lambda _intent, _order: True)
    intent = create(bank)
    bank.execute(Bank.confirm, intent, {"payment_method": "pm_card_visa"}, request())
    bank.execute(Bank.refund, "", {"payment_intent": intent}, request())
    again = Bank(Store(tmp_path / "log", NOW)).execute(Bank.refund, "", {"payment_intent": intent}, request())
    assert b'"code":"charge_disputed"' in bytes(again.body)
    assert [(line["type"], line["order_id"]) for line in lines(tmp_path / "log")[2:]] == [("request.refused", "o1")] * 2


def test_key_gives_the_first_answer_again(tmp_path: Path) -> None:
    """Also after a restart, and byte for byte."""
    create(Bank(Store(tmp_path / "log", NOW)), "k1")
    params = {"amount": "1250", "currency": "eur", "metadata[order_id]": "o1"}
    saved = Keys(Store(tmp_path / "log", NOW)).saved("k1", fingerprint("POST", "/v1/x", params))
    assert saved is not None
    assert bytes(saved.body).decode() in (tmp_path / "log").read_text()


def test_spoilt_key_has_no_other_answer(tmp_path: Path) -> None:
    """The error is given again after any restart; what was executed before it stays, and nothing moves twice."""
    first = Store(tmp_path / "log", NOW)
    params = {"amount": "1250", "currency": "eur", "metadata[order_id]": "o1"}
    intent = create(Bank(first), "k1")
    Keys(first).spoil("k1", broken())
    again = Store(tmp_path / "log", NOW)
    saved = Keys(again).saved("k1", fingerprint("POST", "/v1/x", params))
    assert saved is not None
    assert (saved.status, intent in again.intents) == (500, True)
    assert [line["type"] for line in lines(tmp_path / "log")] == ["payment_intent.created", "request.refused"]


def test_key_belongs_to_its_request(tmp_path: Path) -> None:
    """Other parameters under the same key are refused."""
    store = Store(tmp_path / "log", NOW)
    create(Bank(store), "k1")
    with pytest.raises(Refusal, match="same parameters"):
        Keys(store).saved("k1", fingerprint("POST", "/v1/x", {"amount": "1"}))


def test_running_key_is_in_use(tmp_path: Path) -> None:
    """Between arrival and answer a key is taken."""
    keys = Keys(Store(tmp_path / "log", NOW))
    with keys.running("k1"), pytest.raises(Refusal, match="in-progress"):
        keys.saved("k1", "any")
    assert keys.saved("k1", "any") is None


def test_old_key_is_forgotten(tmp_path: Path) -> None:
    """Stripe keeps keys for a day; the intents stay."""
    create(Bank(Store(tmp_path / "log", NOW)), "k1")
    later = Store(tmp_path / "log", NOW + KEY_KEPT_SECONDS + 1)
    assert (later.keys, len(later.intents)) == ({}, 1)


def test_full_disk_takes_the_line_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that fits only in part is no outcome: the state stays, and the file ends where it ended."""
    store = Store(tmp_path / "log", NOW)
    intent = create(Bank(store))
    size = (tmp_path / "log").stat().st_size
    real = store.write
    monkeypatch.setattr(store, "write", lambda raw: real(raw[:10]))
    with pytest.raises(OSError, match="in full"):
        Bank(store).execute(Bank.cancel, intent, {}, request())
    assert ((tmp_path / "log").stat().st_size, store.intents[intent].canceled_at) == (size, None)


def test_fingerprint_ignores_the_order_of_parameters() -> None:
    """A client may write its form in any order."""
    one = fingerprint("POST", "/v1/x", {"a": "1", "b": "2"})
    assert (
        one == fingerprint("POST", "/v1/x", {"b": "2", "a": "1"}) != fingerprint("POST", "/v1/y", {"a": "1", "b": "2"})
    )
