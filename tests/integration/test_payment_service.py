"""The whole payment service on a real Postgres and a real provider process, with a broker in memory."""

import signal
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from chassis.database import Database
from chassis.envelope import Event
from chassis.testing import FakeBroker
from ground.waiting import until
from payment.__main__ import build
from payment.events import TOPIC
from payment.provider import Provider
from payment.transport import KeepAliveClient
from tests.support.counting import running
from tests.support.payment_provider import KEY, RunningProvider, running_provider

CREATED = {"total": 1250, "currency": "EUR", "payment_method": "pm_card_visa", "customer_id": "c1", "items": []}


@dataclass
class Service:
    """A running payment service, seen from outside: what it is sent, and what it says."""

    url: str
    broker: FakeBroker
    provider: RunningProvider

    def send(self, order: str, kind: str, data: Mapping[str, object]) -> None:
        """An event of api."""
        self.broker.publish(Event(TOPIC, order, kind, data), source="api")

    def create(self, card: str = "pm_card_visa") -> str:
        """A new order."""
        order = str(uuid4())
        self.send(order, "order_created", CREATED | {"payment_method": card})
        return order

    def cancel(self, order: str) -> None:
        """The order's end."""
        self.send(order, "order_cancelled", {"reason": "customer"})

    def retry(self, order: str, attempt: int, card: str = "pm_card_visa") -> None:
        """The customer pays with another card."""
        self.send(order, "payment_retry_requested", {"attempt": attempt, "payment_method": card})

    def said(self, *orders: str) -> list[list[str]]:
        """What the service has said about each order, in order."""
        with psycopg.connect(self.url) as db:
            rows = db.execute("SELECT key, type FROM outbox ORDER BY seq").fetchall()
        return [[kind for key, kind in rows if key == order] for order in orders]

    def tried_again(self) -> bool:
        """A call got no answer, and its row came due again."""
        with psycopg.connect(self.url) as db:
            return db.execute("SELECT FROM payment WHERE tries > 1").fetchone() is not None

    def parked(self) -> list[str]:
        """The orders that wait for a person."""
        with psycopg.connect(self.url) as db:
            return [row[0] for row in db.execute("SELECT key FROM parked WHERE state = 'head'").fetchall()]

    def captured(self) -> Counter[str]:
        """Order → captures, by the provider's own log."""
        return Counter(line["order_id"] for line in self.provider.lines("payment_intent.succeeded"))

    def refunded(self) -> Counter[str]:
        """Order → refunds, by the provider's own log."""
        return Counter(line["order_id"] for line in self.provider.lines("refund.created"))


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[RunningProvider]:
    """A provider with an empty log."""
    with running_provider(tmp_path / "provider.jsonl") as provider:
        yield provider


@pytest.fixture
def service(service_database: Callable[..., str], provider: RunningProvider) -> Iterator[Service]:
    """The service, started."""
    url = service_database("payment")
    asked = Provider(provider.url, KEY, KeepAliveClient(provider.url, timeout=0.5))
    broker = FakeBroker({TOPIC: 4})
    database = Database(url, "payment", size=6)
    consumer, workers = build(database, broker.log("payment"), asked, parallel=4)
    workers.start()
    with running(consumer) as ends:
        yield Service(url, broker, provider)
        assert (ends, workers.alive()) == ([], True)
    workers.stop()
    asked.close()
    database.close()


def test_order_is_paid_once(service: Service) -> None:
    """From the event to the fact, with one capture in the provider's log."""
    order = service.create()
    until(lambda: service.said(order) == [["payment_completed"]])
    assert service.captured() == {order: 1}


def test_declined_order_is_told_why(service: Service) -> None:
    """The bank's reason is in the event."""
    order = service.create("pm_card_chargeDeclinedInsufficientFunds")
    until(lambda: service.said(order) == [["payment_failed"]])
    with psycopg.connect(service.url) as db:
        assert db.execute("SELECT payload FROM outbox").fetchall() == [('{"attempt":1,"reason":"insufficient_funds"}',)]


def test_declined_order_is_paid_with_another_card(service: Service) -> None:
    """Each attempt is answered once; the provider has one intent for all of them, and one capture."""
    order = service.create("pm_card_chargeDeclined")
    until(lambda: service.said(order) == [["payment_failed"]])
    service.retry(order, 2, "pm_card_chargeDeclinedExpiredCard")
    until(lambda: service.said(order) == [["payment_failed", "payment_failed"]])
    service.retry(order, 3)
    until(lambda: service.said(order) == [["payment_failed", "payment_failed", "payment_completed"]])
    assert service.captured() == {order: 1}
    assert len(service.provider.lines("payment_intent.created")) == 1


def test_unknown_card_is_a_decline(service: Service) -> None:
    """A token that the provider does not know fails the attempt; it is not asked about for ever."""
    order = service.create("pm_of_nobody")
    until(lambda: service.said(order) == [["payment_failed"]])


def test_paid_order_is_refunded(service: Service) -> None:
    """A cancel behind the capture gives the money back, once."""
    order = service.create()
    until(lambda: service.said(order) == [["payment_completed"]])
    service.cancel(order)
    until(lambda: service.said(order) == [["payment_completed", "payment_refunded"]])
    assert service.refunded() == {order: 1}


def test_declined_order_is_released(service: Service) -> None:
    """A cancel behind a decline closes the intent."""
    order = service.create("pm_card_chargeDeclined")
    until(lambda: service.said(order) == [["payment_failed"]])
    service.cancel(order)
    until(lambda: service.said(order) == [["payment_failed", "payment_released"]])


def test_cancels_at_any_moment_settle_once(service: Service) -> None:
    """Orders cancelled while they are paid: each is settled once, and no money stays."""
    orders = [service.create() for _ in range(60)]
    for order in orders:
        service.cancel(order)
        service.cancel(order)
    settling = [["payment_released"], ["payment_refunded"], ["payment_completed", "payment_refunded"]]
    until(lambda: all(said in settling for said in service.said(*orders)))
    assert service.captured() == service.refunded()


def test_orders_survive_the_providers_death(service: Service, provider: RunningProvider) -> None:
    """kill -9 of the provider while orders flow: every order is paid once when it is back."""
    orders = []
    for n in range(90):
        orders.append(service.create())
        if n == 30:
            until(lambda: len(service.captured()) > 5)
            provider.kill()
        if n == 60:
            provider.start()
    until(lambda: service.said(*orders) == [["payment_completed"]] * 90, seconds=40)
    assert service.captured() == dict.fromkeys(orders, 1)


@pytest.mark.parametrize("fault", [{"total": 2**70}, {"payment_method": "x" * 300}, {"currency": "\0"}, {"total": "1"}])
def test_poison_stops_its_own_order_only(service: Service, fault: dict[str, object]) -> None:
    """An event that cannot be stored or read is parked; the orders around it are paid."""
    before, bad = service.create(), str(uuid4())
    service.send(bad, "order_created", CREATED | fault)
    after = service.create()
    until(lambda: service.said(before, after) == [["payment_completed"]] * 2)
    until(lambda: service.parked() == [bad])
    assert service.said(bad) == [[]]


def test_frozen_provider_charges_nobody_twice(service: Service, provider: RunningProvider) -> None:
    """Time-outs whose calls are executed later all the same: the intent is looked up, and one capture stands."""
    orders = [service.create() for _ in range(10)]
    until(lambda: len(service.captured()) > 0)
    assert provider.process is not None
    provider.process.send_signal(signal.SIGSTOP)
    orders += [service.create() for _ in range(10)]
    until(service.tried_again, seconds=20)
    provider.process.send_signal(signal.SIGCONT)
    until(lambda: service.said(*orders) == [["payment_completed"]] * 20, seconds=40)
    assert service.captured() == dict.fromkeys(orders, 1)


def test_lost_answers_and_requests_charge_once(service: Service, provider: RunningProvider) -> None:
    """Whether or not a call was executed, its order is paid once, or declined once and then paid with another card."""
    with provider.faults.during(seed=7, lose_answer=0.15, lose_request=0.1, error_after=0.05):
        orders = [service.create() for _ in range(20)]
        declined = [service.create("pm_card_chargeDeclined") for _ in range(10)]
        until(lambda: service.said(*declined) == [["payment_failed"]] * 10, seconds=40)
        for order in declined:
            service.retry(order, 2)
        until(lambda: service.said(*declined) == [["payment_failed", "payment_completed"]] * 10, seconds=40)
        until(lambda: service.said(*orders) == [["payment_completed"]] * 20, seconds=40)
    assert service.captured() == dict.fromkeys([*orders, *declined], 1)


def test_lost_answers_to_cancels_settle_once(service: Service, provider: RunningProvider) -> None:
    """An end whose calls are lost: released or refunded, never both, and no money stays."""
    with provider.faults.during(seed=8, lose_answer=0.2, lose_request=0.1):
        orders = [service.create() for _ in range(20)]
        for order in orders:
            service.cancel(order)
        settling = [["payment_released"], ["payment_refunded"], ["payment_completed", "payment_refunded"]]
        until(lambda: all(said in settling for said in service.said(*orders)), seconds=40)
    assert service.captured() == service.refunded()


def test_refused_refund_goes_to_support(service: Service, provider: RunningProvider) -> None:
    """A disputed charge stays captured, and is told once with the provider's word for it."""
    order = service.create()
    until(lambda: service.said(order) == [["payment_completed"]])
    with provider.faults.during(refuse_refunds=1):
        service.cancel(order)
        until(lambda: service.said(order) == [["payment_completed", "refund_failed"]])
    with psycopg.connect(service.url) as db:
        told = db.execute("SELECT payload FROM outbox WHERE type = 'refund_failed'").fetchall()
    assert (told, service.captured(), service.refunded()) == ([('{"reason":"charge_disputed"}',)], {order: 1}, {})


def test_unavailable_provider_is_not_hammered(service: Service, provider: RunningProvider) -> None:
    """Once a few calls in a row have failed, one now and then finds out; then all that waited is paid at once."""
    provider.faults.set(unavailable=1)
    orders = [service.create() for _ in range(60)]
    until(lambda: provider.faults.look()["calls"] > 6, seconds=20)  # the circuit has opened, and asked again
    asked = provider.faults.look()["calls"]
    provider.faults.heal()
    until(lambda: service.said(*orders) == [["payment_completed"]] * 60, seconds=20)
    assert asked < 12  # of 60 orders that wait: four in flight when the circuit opened, and one each two seconds


def test_hanging_call_keeps_nobody_waiting(service: Service, provider: RunningProvider) -> None:
    """An order whose call hangs waits by itself: those around it are paid meanwhile, it is paid by its second try."""
    provider.faults.set(hang=1, hang_seconds=4)
    slow = service.create()
    until(lambda: provider.faults.look()["done"] == {"hang": 1})
    provider.faults.heal()
    others = [service.create() for _ in range(10)]
    until(lambda: service.said(*others) == [["payment_completed"]] * 10)
    until(lambda: service.said(slow) == [["payment_completed"]])
    assert service.captured() == dict.fromkeys([slow, *others], 1)
