"""schemathesis reads contracts/openapi.yaml and asks both services whatever it allows, and what it does not."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance
from starlette.routing import Route

from api import rest
from api import settings as api_settings
from api.commands import Commands
from api.domain import ALLOWANCES
from api.presentation import Presentation
from api.principal import Tokens
from chassis.database import AsyncDatabase
from ground.waiting import until
from notifier.hub import Hub
from notifier.polling import Polls
from notifier.store import Journal
from notifier.tokens import verifier
from tests.support.api_house import ANN, SECRET, SOBA, House, wish
from tests.support.openapi import DOCUMENT
from tests.support.push import SAID

SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)
OPERATIONS = [("/orders", "POST"), ("/orders/{id}", "GET"), ("/orders/{id}", "HEAD")]
EXAMPLES = 40  # of each operation and kind: seconds in all
# Whether a restaurant has an item is no matter of form: such an order is well formed, and refused.
BEYOND_A_DOCUMENT = [positive_data_acceptance]


class Both:
    """POST /orders and GET /orders/{id} on one address, as at the edge: on a real Postgres, without a log."""

    def __init__(self, url: Callable[..., str]) -> None:
        self._databases = [AsyncDatabase(url(role), "test", 4) for role in ("api", "notifier")]
        api, notifier = self._databases
        presentation = Presentation.load(api_settings.PRESENTATION, ALLOWANCES)
        orders = rest.Orders(api, Commands(api, ALLOWANCES), Tokens(SECRET), presentation)
        polls = Polls(Hub(Journal(notifier), SAID), verifier(SECRET))
        follow = Route("/orders/{order_id}", polls.__call__, methods=["GET"])
        app = rest.application(orders, follow)
        self.server = uvicorn.Server(uvicorn.Config(app, "127.0.0.1", 0, lifespan="off", log_config=None))

    def run(self) -> None:
        """Until told to exit; in a thread of its own, as schemathesis waits for its answers."""
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        for database in self._databases:
            await database.open()
        await self.server.serve()
        for database in self._databases:
            await database.close()


@contextmanager
def serving(url: Callable[..., str]) -> Iterator[str]:
    """Its address."""
    both = Both(url)
    thread = threading.Thread(target=both.run)
    thread.start()
    try:
        until(lambda: both.server.started, 10)
        yield f"http://127.0.0.1:{both.server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        both.server.should_exit = True
        thread.join(10)


@pytest.fixture
def town(service_database: Callable[..., str]) -> Iterator[tuple[str, str]]:
    """The services' address, in a town with two restaurants, and the id of an order of Ann's."""
    House(service_database)
    with serving(service_database) as address:
        wanted = wish()
        headers = {"authorization": f"Bearer {ANN.token()}", "idempotency-key": wanted.pop("idempotencyKey")}
        yield address, httpx.post(f"{address}/orders", json=wanted, headers=headers).json()["id"]


def of_this_town(case: Any, order_id: str) -> Any:
    """The request, about a restaurant, items and an order that there are, and with no wait."""
    if case.method == "POST":
        case.body["restaurantId"] = SOBA.id
        for n, line in enumerate(case.body["items"]):
            line["itemId"] = ("soba", "tea")[n % 2]
    else:
        case.path_parameters["id"] = order_id
        case.query["wait"] = 0
    return case


@pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisDeprecationWarning")  # schemathesis uses `random`
@pytest.mark.parametrize("kind", ["known", "unknown", "wrong"])
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_answers_keep_the_document(town: tuple[str, str], path: str, method: str, kind: str) -> None:
    """Whatever is asked is answered as it says: status, headers, media type, body; never with a fault."""
    base, order_id = town
    mode = GenerationMode.NEGATIVE if kind == "wrong" else GenerationMode.POSITIVE

    @seed(7)
    @settings(max_examples=EXAMPLES, deadline=None, database=None, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(case=SCHEMA[path][method].as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        case = of_this_town(case, order_id) if kind == "known" else case
        case.headers["Authorization"] = f"Bearer {ANN.token()}"
        case.call_and_validate(base_url=base, excluded_checks=BEYOND_A_DOCUMENT)

    ask()
