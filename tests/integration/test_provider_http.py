"""The provider over real HTTP: Stripe's own SDK judges its answers, and a kill judges its log."""

import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest
import stripe

from ground.provider_faults import ProviderFaults
from ground.waiting import until
from payment.domain import Create, Created
from payment.provider import Provider, Unanswered
from payment.transport import KeepAliveClient
from tests.support.payment_provider import KEY, ROOT, RunningProvider, running_provider

CREATE = Create(1250, "EUR")


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[RunningProvider]:
    """A running provider with an empty log."""
    with running_provider(tmp_path / "provider.jsonl") as running:
        yield running


@pytest.fixture
def slow_provider(tmp_path: Path) -> Iterator[RunningProvider]:
    """One that thinks for a third of a second before it does anything."""
    with running_provider(tmp_path / "provider.jsonl", latency_ms=300) as running:
        yield running


def create(client: stripe.StripeClient, key: str | None = None, amount: int = 1250) -> stripe.PaymentIntent:
    """An unconfirmed intent."""
    key = key or str(uuid4())
    return client.v1.payment_intents.create(
        {"amount": amount, "currency": "eur", "metadata": {"order_id": key}}, {"idempotency_key": key}
    )


def confirm(client: stripe.StripeClient, intent: str, card: str = "pm_card_visa") -> stripe.PaymentIntent:
    """Confirmed with a test card."""
    return client.v1.payment_intents.confirm(intent, {"payment_method": card})


def test_intent_is_created_confirmed_and_refunded(provider: RunningProvider) -> None:
    """The SDK reads every answer as its own types."""
    client = provider.client()
    intent = create(client)
    paid = confirm(client, intent.id)
    refund = client.v1.refunds.create({"payment_intent": intent.id})
    assert (intent.status, paid.status, refund.status) == ("requires_payment_method", "succeeded", "succeeded")
    assert (paid.amount_received, refund.amount, intent.metadata) == (1250, 1250, intent.metadata)


def test_decline_is_a_card_error(provider: RunningProvider) -> None:
    """402 with code, decline code and the intent; the intent can be read with the error on it."""
    client = provider.client()
    intent = create(client)
    with pytest.raises(stripe.CardError) as declined:
        confirm(client, intent.id, "pm_card_chargeDeclinedInsufficientFunds")
    error = declined.value.error
    assert error is not None
    seen = client.v1.payment_intents.retrieve(intent.id)
    assert (declined.value.http_status, error.code, error.decline_code) == (402, "card_declined", "insufficient_funds")
    assert (seen.status, seen.last_payment_error is not None) == ("requires_payment_method", True)


def test_cancel_too_late_shows_the_payment(provider: RunningProvider) -> None:
    """The error of a cancel that lost says "succeeded"."""
    client = provider.client()
    intent = confirm(client, create(client).id)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.payment_intents.cancel(intent.id)
    assert refused.value.code == "payment_intent_unexpected_state"
    assert refused.value.json_body["error"]["payment_intent"]["status"] == "succeeded"  # type: ignore[index]


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/v1/payment_intents/pi_nobody", stripe.InvalidRequestError), ("/v1/customers/1", stripe.InvalidRequestError)],
)
def test_what_is_not_there_is_404(provider: RunningProvider, path: str, kind: type[stripe.StripeError]) -> None:
    """An unknown object, and a path that is not spoken."""
    with pytest.raises(kind) as refused:
        provider.client().raw_request("get", path)
    assert refused.value.http_status == 404


@pytest.mark.parametrize("key", ["sk_test_somebody_else", "x"])
def test_foreign_key_is_refused(provider: RunningProvider, key: str) -> None:
    """401, and the key is not written back in full."""
    with pytest.raises(stripe.AuthenticationError) as refused:
        create(provider.client(key))
    assert key not in str(refused.value) or len(key) < 12
    assert provider.lines("payment_intent.created") == []


@pytest.mark.parametrize("chunked", [False, True])
def test_body_must_be_small(provider: RunningProvider, chunked: bool) -> None:
    """A long body is refused before it is read into memory, whether or not it says how long it is."""
    body = iter([b"x" * 50_000] * 2) if chunked else b"x" * 100_000
    request = urllib.request.Request(provider.url + "/v1/payment_intents", body, {"Authorization": f"Bearer {KEY}"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=5)
    refused.value.close()
    assert refused.value.code == 400


def test_same_key_gives_the_same_answer(provider: RunningProvider) -> None:
    """A repeated request is answered by the first one's answer, and says so."""
    client = provider.client()
    first, second = create(client, "key-1"), create(client, "key-1")
    assert second.last_response is not None
    assert (first.id, second.last_response.headers["Idempotent-Replayed"]) == (second.id, "true")
    assert len(provider.lines("payment_intent.created")) == 1


def test_same_key_gives_the_same_error(provider: RunningProvider) -> None:
    """A decline is an outcome: another card needs another key."""
    client = provider.client()
    intent = create(client)
    for _ in range(2):
        with pytest.raises(stripe.CardError):
            client.v1.payment_intents.confirm(
                intent.id, {"payment_method": "pm_card_chargeDeclined"}, {"idempotency_key": "key-2"}
            )
    assert len(provider.lines("payment_intent.payment_failed")) == 1


def test_same_key_with_other_parameters_is_an_error(provider: RunningProvider) -> None:
    """400 idempotency_error, and nothing happens."""
    client = provider.client()
    create(client, "key-3")
    with pytest.raises(stripe.IdempotencyError) as refused:
        create(client, "key-3", amount=1)
    assert (refused.value.http_status, len(provider.lines("payment_intent.created"))) == (400, 1)


def test_key_of_a_refused_request_can_be_used(provider: RunningProvider) -> None:
    """What failed before execution saved nothing."""
    client = provider.client()
    with pytest.raises(stripe.InvalidRequestError):
        create(client, "key-4", amount=0)
    assert create(client, "key-4").status == "requires_payment_method"


def test_two_clients_race_with_one_key(slow_provider: RunningProvider) -> None:
    """At the same time: one is executed, the other hears 409 key in use; both know the same intent in the end."""
    clients = [slow_provider.client(), slow_provider.client()]
    barrier = threading.Barrier(2)

    def race(client: stripe.StripeClient) -> str:
        barrier.wait(5)
        try:
            return create(client, "key-5").id
        except stripe.APIError as error:
            assert error.http_status == 409
            assert error.error is not None
            return str(error.error.code)

    with ThreadPoolExecutor(2) as pool:
        said = sorted(pool.map(race, clients))
    assert said[0] == "idempotency_key_in_use"
    assert create(clients[0], "key-5").id == said[1]
    assert len(slow_provider.lines("payment_intent.created")) == 1


def test_confirms_race_and_one_captures(slow_provider: RunningProvider) -> None:
    """Eight confirms of one intent under eight keys: one capture."""
    intent = create(slow_provider.client()).id

    def race(_: int) -> str:
        try:
            return str(confirm(slow_provider.client(), intent).status)
        except stripe.InvalidRequestError as error:
            return str(error.code)

    with ThreadPoolExecutor(8) as pool:
        said = sorted(pool.map(race, range(8)))
    assert said == ["payment_intent_unexpected_state"] * 7 + ["succeeded"]
    assert len(slow_provider.lines("payment_intent.succeeded")) == 1


def test_confirm_and_cancel_race_to_one_end(slow_provider: RunningProvider) -> None:
    """Exactly one of them wins, and the loser's error shows the winner."""
    client = slow_provider.client()
    intent = create(client).id

    def attempt(what: str) -> str:
        try:
            done = confirm(client, intent) if what == "confirm" else client.v1.payment_intents.cancel(intent)
        except stripe.InvalidRequestError as error:
            return str(error.json_body["error"]["payment_intent"]["status"])  # type: ignore[index]
        return str(done.status)

    with ThreadPoolExecutor(2) as pool:
        one, two = pool.map(attempt, ["confirm", "cancel"])
    assert one == two in {"succeeded", "canceled"}


def test_kill_loses_nothing_that_was_answered(provider: RunningProvider) -> None:
    """kill -9 while eight clients pay: after the restart every answer they got is still true, keys included."""
    paid: dict[str, str] = {}

    def pay(_: int) -> None:
        client = provider.client()
        try:
            while True:
                key = str(uuid4())
                intent = create(client, key)
                paid[key] = confirm(client, intent.id).id
        except stripe.APIConnectionError:
            return

    with ThreadPoolExecutor(8) as pool:
        pool.map(pay, range(8))
        until(lambda: len(paid) > 100, what="a hundredth payment")
        provider.kill()
    provider.start()
    client = provider.client()
    kept = {key: client.v1.payment_intents.retrieve(intent).status for key, intent in paid.items()}
    assert set(kept.values()) == {"succeeded"}
    assert all(create(client, key).id == paid[key] for key in list(paid)[:20])


def test_sigterm_ends_in_order(provider: RunningProvider) -> None:
    """A supervisor's stop is answered soon and without an error."""
    create(provider.client())
    start = time.monotonic()
    code = provider.kill(signal.SIGTERM)
    assert (code in (0, -signal.SIGTERM), time.monotonic() - start < 5) == (True, True)
    provider.start()


def test_missing_settings_are_named(tmp_path: Path) -> None:
    """Everything that is wrong, at once, and exit code 78."""
    environment = {"PYTHONPATH": str(ROOT / "demo"), "HTTP_PORT": "many", "SECRETS": str(tmp_path)}
    command = [sys.executable, "-m", "provider"]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=20, check=False)
    assert ended.returncode == 78
    no_key = f"PROVIDER_KEY is not set, and there is no file {tmp_path}/PROVIDER_KEY"
    assert ended.stderr.splitlines() == [no_key, "PROVIDER_LOG is not set", "HTTP_PORT is not a number"]


def refused(call: Callable[[], object]) -> stripe.StripeError:
    """The SDK's error of a call that fails."""
    with pytest.raises(stripe.StripeError) as error:
        call()
    return error.value


@pytest.mark.parametrize(
    ("fault", "status", "executed"),
    [
        ("unavailable", 503, 0),
        ("lose_request", None, 0),
        ("error_after", 500, 1),
        ("lose_answer", None, 1),
    ],
)
def test_faults_answer_badly(provider: RunningProvider, fault: str, status: int | None, executed: int) -> None:
    """By a status, or by a connection that is closed without a word. What was executed is in the log all the same."""
    client = provider.client()
    with provider.faults.during(**{fault: 1}):
        error = refused(lambda: create(client, "key-6"))
    assert (error.http_status, len(provider.lines("payment_intent.created"))) == (status, executed)
    assert (provider.faults.look()["done"], provider.faults.look()["orders"]) == ({fault: 1}, ["key-6"])
    assert create(client, "key-6").id == provider.lines("payment_intent.created")[0]["intent"]


def test_saved_error_is_given_again(provider: RunningProvider) -> None:
    """Executed, and answered 500 for ever; demae's service makes the intent under another key then."""
    service = Provider(provider.url, KEY, KeepAliveClient(provider.url, timeout=5))
    with provider.faults.during(save_error=1), pytest.raises(Unanswered):
        service.ask("key-9", CREATE, key="key-9:1", again=False)
    said = service.ask("key-9", CREATE, key="key-9:2", again=True)
    service.close()
    assert [line["key"] for line in provider.lines("payment_intent.created")] == ["key-9", "key-9:2"]
    assert said == Created(provider.lines("payment_intent.created")[1]["intent"])


def test_hanging_call_is_executed_late(provider: RunningProvider) -> None:
    """Who gave up waiting has asked all the same; nobody else waits meanwhile."""
    with provider.faults.during(hang=1, hang_seconds=2):
        impatient = KeepAliveClient(provider.url, timeout=0.2)
        hasty = stripe.StripeClient(KEY, base_addresses={"api": provider.url}, http_client=impatient)
        refused(lambda: create(hasty, "key-7"))
        assert provider.faults.look()["done"] == {"hang": 1}
        assert provider.lines("payment_intent.created") == []
    create(provider.client(), "key-8")
    until(lambda: [line["key"] for line in provider.lines("payment_intent.created")] == ["key-8", "key-7"])
    impatient.close()


def test_refused_refund_is_stripes(provider: RunningProvider) -> None:
    """A disputed charge: an invalid request with Stripe's code, for good, and the money stays where it is."""
    client = provider.client()
    intent = confirm(client, create(client).id)
    with provider.faults.during(refuse_refunds=1):
        first = refused(lambda: client.v1.refunds.create({"payment_intent": intent.id}))
    second = refused(lambda: client.v1.refunds.create({"payment_intent": intent.id}))
    assert isinstance(first, stripe.InvalidRequestError)
    assert (first.http_status, first.code, second.code) == (400, "charge_disputed", "charge_disputed")
    assert provider.lines("refund.created") == []


def test_trouble_needs_the_key(provider: RunningProvider) -> None:
    """401 for anybody else, and 400 for a fault that does not exist."""
    for faults, status in ((ProviderFaults(provider.url, "sk_other"), 401), (provider.faults, 400)):
        with pytest.raises(urllib.error.HTTPError) as error:
            faults.set(hnag=1)
        error.value.close()
        assert error.value.code == status


def test_answers_do_not_wait_for_acks(provider: RunningProvider) -> None:
    """Without TCP_NODELAY every answer on a kept connection takes 40 ms."""
    client = provider.client()
    create(client)
    times = []
    for _ in range(20):
        start = time.perf_counter()
        create(client)
        times.append(time.perf_counter() - start)
    assert sorted(times)[10] < 0.03
