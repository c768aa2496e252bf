"""Kafka Connect's answers, told apart by what the keeper must do."""

import json
from base64 import b64encode
from collections.abc import Callable

import httpx
import pytest

from chassis.errors import Transient
from keeper.connect import Connect, http
from keeper.domain import Connector

Answer = Callable[[httpx.Request], httpx.Response]


def connect(answer: Answer) -> Connect:
    """A client whose server is a function."""
    return Connect("http://connect:8083/", "demae", httpx.Client(transport=httpx.MockTransport(answer)))


def test_status_is_read() -> None:
    """Connector and tasks each have a state."""

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/connectors/demae/status"
        return httpx.Response(200, json={"connector": {"state": "RUNNING"}, "tasks": [{"id": 0, "state": "FAILED"}]})

    assert connect(answer).status() == Connector("RUNNING", ["FAILED"])


def test_unknown_connector_is_none() -> None:
    """404 is an answer: not registered."""
    assert connect(lambda _: httpx.Response(404)).status() is None
    assert connect(lambda _: httpx.Response(404)).configuration() is None


def test_name_is_no_setting() -> None:
    """Connect adds the name to what was put; it must not look like another configuration."""
    assert connect(lambda _: httpx.Response(200, json={"name": "demae", "a": "1"})).configuration() == {"a": "1"}


@pytest.mark.parametrize("status", [409, 500, 503])
def test_starting_connect_is_waited_out(status: int) -> None:
    """It answers `/` before it can take a connector, and 409 while it rebalances."""
    with pytest.raises(Transient, match=str(status)):
        connect(lambda _: httpx.Response(status, text="not now")).register({})


def test_missing_on_put_is_no_answer() -> None:
    """A Connect whose resources are not there yet says 404 to everything: that is no success."""
    with pytest.raises(Transient):
        connect(lambda _: httpx.Response(404)).register({})


def test_no_connect_is_transient() -> None:
    """Nobody listens: the same call is right again later."""

    def answer(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    with pytest.raises(Transient):
        connect(answer).status()


def test_restart_spares_the_running() -> None:
    """Only what FAILED is restarted."""
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(202, content=json.dumps({}))

    connect(answer).restart()
    assert (asked[0].method, dict(asked[0].url.params)) == ("POST", {"includeTasks": "true", "onlyFailed": "true"})


def test_password_is_sent() -> None:
    """A Connect of somebody else asks for one; what is said of a refusal does not hold it."""

    def answer(request: httpx.Request) -> httpx.Response:
        right = request.headers.get("Authorization") == f"Basic {b64encode(b'me:s3cret').decode()}"
        return httpx.Response(200, json={"a": "1"}) if right else httpx.Response(401, text="who are you")

    def asked(password: str) -> Connect:
        client = http("me", password)
        client._transport = httpx.MockTransport(answer)
        return Connect("https://connect.example", "demae", client)

    assert asked("s3cret").configuration() == {"a": "1"}
    with pytest.raises(Transient, match="401: who are you") as refusal:
        asked("other").configuration()
    assert "other" not in str(refusal.value)
