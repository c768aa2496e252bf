"""An order that ends while its payment is under way: at any moment it is settled once, and truly."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from chassis.batch import Batch
from chassis.database import Database
from ground.waiting import until
from payment import handlers
from payment.domain import Payment, fold
from payment.events import Incoming, OrderCancelled, Outgoing
from tests.support.payment_desk import CANCELLED, CREATED, Desk, FakeProvider, received


@pytest.fixture
def desk(service_database: Callable[..., str]) -> Iterator[Desk]:
    """A new order in an empty database."""
    database = Database(service_database("payment"), "payment-test", size=2)
    yield Desk(database, FakeProvider(), str(uuid4()))
    database.close()


def test_cancel_overtakes_confirm_in_flight(desk: Desk) -> None:
    """The cancel takes the lease. The confirm that wins at the provider is dropped here, and the money goes back."""
    (creating,) = desk.read(CREATED)
    (confirming,) = desk.answer(creating, desk.calls.perform(creating))
    (cancelling,) = desk.read(CANCELLED)
    said = desk.calls.perform(confirming)  # the provider had it first
    desk.work([cancelling])
    desk.answer(confirming, said)
    assert (desk.emitted(), desk.provider.intents["pi_" + desk.order]) == (["payment_refunded"], "back")


def test_cancel_wins_over_confirm_in_flight(desk: Desk) -> None:
    """The provider closes the intent first: nothing is captured, and the decline of the confirm is dropped."""
    (creating,) = desk.read(CREATED)
    (confirming,) = desk.answer(creating, desk.calls.perform(creating))
    desk.work(desk.read(CANCELLED))
    desk.answer(confirming, desk.calls.perform(confirming))
    assert (desk.emitted(), desk.provider.captures) == (["payment_released"], [])


def test_settlement_that_waits_for_a_cancel_is_late(desk: Desk) -> None:
    """Both at the same moment: the answer waits for the row, and finds that the lease went with the cancel."""
    (creating,) = desk.read(CREATED)
    (confirming,) = desk.answer(creating, desk.calls.perform(creating))
    said = desk.calls.perform(confirming)
    with ThreadPoolExecutor(1) as pool:
        with desk.database.transaction() as tx:
            event = received(desk.order, CANCELLED)
            handlers.handle(tx, Batch([desk.order], lambda: [event]), lambda _: None)
            tx.execute("SELECT 1").fetchone()  # the row is locked from here on
            following = pool.submit(desk.answer, confirming, said)
            until(lambda: tx.execute("SELECT FROM pg_locks WHERE NOT granted").fetchone() is not None)
        assert list(following.result(10)) == []
    assert desk.emitted() == []


def test_cancel_overtakes_create_in_flight(desk: Desk) -> None:
    """Without a committed id nothing can be captured: settled at once, and the late id is never confirmed."""
    (creating,) = desk.read(CREATED)
    assert desk.read(CANCELLED) == []
    assert desk.answer(creating, desk.calls.perform(creating)) == []
    assert (desk.emitted(), desk.provider.captures, desk.scan()) == (["payment_released"], [], [])


def test_closed_before_created(desk: Desk) -> None:
    """The end is remembered for an order that was never seen: its late creation starts nothing."""
    desk.read(CANCELLED)
    assert (desk.read(CREATED), desk.emitted(), desk.provider.asked) == ([], ["payment_released"], [])


def test_without_closed_row_cancelled_order_is_charged(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: an end that is forgotten because "there was nothing to undo" lets the late creation charge."""

    def forgetful(payment: Payment, event: Incoming) -> tuple[Payment, list[Outgoing]]:
        return (payment, []) if payment == Payment() and isinstance(event, OrderCancelled) else fold(payment, event)

    monkeypatch.setattr(handlers, "fold", forgetful)
    desk.read(CANCELLED)
    desk.work(desk.read(CREATED))
    assert len(desk.provider.captures) == 1


def test_created_and_cancelled_in_one_batch(desk: Desk) -> None:
    """Folded one after the other, written once."""
    assert desk.read(CREATED, CANCELLED, CREATED) == []
    assert (desk.emitted(), desk.provider.asked) == (["payment_released"], [])


def test_repeated_cancel_settles_once(desk: Desk) -> None:
    """The state is a second guard behind the inbox."""
    desk.work(desk.read(CREATED))
    desk.work(desk.read(CANCELLED))
    desk.work(desk.read(CANCELLED))
    assert desk.emitted() == ["payment_completed", "payment_refunded"]
