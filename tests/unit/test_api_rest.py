"""POST /orders when something breaks: what the client is told, and what not."""

import logging
from typing import Any

import httpx
import pytest

from api import rest, settings
from api.commands import Commands
from api.domain import ALLOWANCES
from api.presentation import Presentation
from api.principal import Tokens
from chassis.database import AsyncDatabase
from chassis.errors import Transient
from tests.support.api_house import ANN, SECRET, wish

PRESENTATION = Presentation.load(settings.PRESENTATION, ALLOWANCES)


class Broken(Commands):
    """Commands that fail with this."""

    def __init__(self, database: AsyncDatabase, error: Exception) -> None:
        super().__init__(database, ALLOWANCES)
        self._error = error

    async def place(self, *_: Any) -> Any:
        raise self._error


async def place(error: Exception) -> httpx.Response:
    """The answer of an application whose placing fails."""
    database = AsyncDatabase("postgresql://nowhere", "test")
    orders = rest.Orders(database, Broken(database, error), Tokens(SECRET), PRESENTATION)
    body = wish()
    headers = {"authorization": f"Bearer {ANN.token()}", "idempotency-key": body.pop("idempotencyKey")}
    transport = httpx.ASGITransport(rest.application(orders))
    async with httpx.AsyncClient(transport=transport, base_url="http://api") as http:
        return await http.post("/orders", json=body, headers=headers)


@pytest.mark.parametrize("error", [ValueError("secret"), KeyError("secret"), AssertionError("secret")])
async def test_faults_are_masked(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever broke: 500, INTERNAL, and no word of it."""
    caplog.set_level(logging.CRITICAL)
    answer = await place(error)
    assert (answer.status_code, answer.json()["code"]) == (500, "INTERNAL")
    assert "secret" not in answer.text


async def test_trouble_says_try_again(caplog: pytest.LogCaptureFixture) -> None:
    """A database that is away is nobody's fault, and passes: 503 with the time to wait."""
    caplog.set_level(logging.CRITICAL)
    answer = await place(Transient("host=secret"))
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "UNAVAILABLE", "1")
    assert "secret" not in answer.text
