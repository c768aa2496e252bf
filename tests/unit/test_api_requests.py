"""POST /graphql before anything is asked of a database: tokens, bodies, documents, masks."""

import json
import logging
import time
from typing import Any
from unittest import mock

import httpx
import jwt
import pytest
from graphql import parse

from api import app, rest, settings
from api.commands import Commands
from api.domain import ALLOWANCES
from api.presentation import Presentation
from api.principal import InvalidToken, Principal, Role, Tokens
from api.schema import executable
from chassis.database import AsyncDatabase
from chassis.errors import Transient
from tests.support.api_house import ANN, PLACE, SECRET, wish

SCHEMA = executable(settings.SDL)
PRESENTATION = Presentation.load(settings.PRESENTATION, ALLOWANCES)
VIEWER = {"query": "{ viewer { id } }"}


class Broken(Commands):
    """Commands that fail with this."""

    def __init__(self, database: AsyncDatabase, error: Exception) -> None:
        super().__init__(database, ALLOWANCES)
        self._error = error

    async def place(self, *_: Any) -> Any:
        raise self._error


def client(error: Exception | None = None) -> httpx.AsyncClient:
    """The application without a database; placing fails with `error`."""
    database = AsyncDatabase("postgresql://nowhere", "test")
    commands = Broken(database, error or AssertionError("not asked for"))
    endpoint = app.GraphQL(SCHEMA, database, commands, Tokens(SECRET), PRESENTATION)
    orders = rest.Orders(database, commands, Tokens(SECRET), PRESENTATION)
    transport = httpx.ASGITransport(rest.application(orders, app.route(endpoint)))
    return httpx.AsyncClient(transport=transport, base_url="http://api")


async def ask(body: Any, **headers: str) -> tuple[int, Any]:
    """Status and answer."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with client() as http:
        answer = await http.post("/graphql", content=content, headers={"content-type": "application/json"} | headers)
    return answer.status_code, answer.json()


def codes(answer: Any) -> list[str]:
    """The codes of its errors."""
    return [error["extensions"]["code"] for error in answer["errors"]]


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"{", 400), (b"[]", 400), ({}, 400), ({"query": 1}, 400), ({**VIEWER, "variables": []}, 400)],
)
async def test_malformed_body_is_refused(body: Any, status: int) -> None:
    """No GraphQL request at all: 400 in every media type."""
    assert (await ask(body))[0] == status
    assert codes((await ask(body))[1]) == ["BAD_USER_INPUT"]


async def test_huge_body_is_refused() -> None:
    """Read no further than the limit."""
    assert (await ask({"query": "#" * app.MAX_BODY}))[0] == 413


async def test_form_post_is_refused() -> None:
    """A page of another origin cannot post JSON without asking first."""
    assert (await ask(VIEWER, **{"content-type": "text/plain"}))[0] == 415


async def test_get_is_refused() -> None:
    """Nothing is executed by a link."""
    async with client() as http:
        answer = await http.get("/graphql", params={"query": "{ viewer { id } }"})
    assert (answer.status_code, answer.headers["allow"], answer.json()["code"]) == (405, "POST", "METHOD_NOT_ALLOWED")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("{ " + "a " * app.MAX_TOKENS + "}", "GRAPHQL_PARSE_FAILED"),
        ("{ nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("query($x: Int!) { orders(first: $x) { edges { cursor } } }", "BAD_USER_INPUT"),
    ],
)
@pytest.mark.parametrize(("accept", "status"), [(app.PLAIN, 200), (app.GRAPHQL, 400)])
async def test_bad_document_is_refused(query: str, code: str, accept: str, status: int) -> None:
    """In plain JSON with 200, in GraphQL's own media type with 400."""
    got, answer = await ask({"query": query}, accept=accept)
    assert (got, codes(answer)) == (status, [code])
    assert "data" not in answer


@pytest.mark.parametrize(
    "body",
    [
        {"query": "subscription { orderUpdated(orderId: 1) { id } }"},
        {"query": "query A { viewer { id } } query B { viewer { id } }"},
        {"query": "query A { viewer { id } }", "operationName": "B"},
    ],
)
async def test_no_operation_is_refused(body: dict[str, Any]) -> None:
    """A subscription has another transport; several operations need a name."""
    assert codes((await ask(body))[1]) == ["BAD_USER_INPUT"]


async def test_answer_has_the_asked_media_type() -> None:
    """By the Accept header."""
    async with client() as http:
        for kind in (app.PLAIN, app.GRAPHQL):
            answer = await http.post("/graphql", json=VIEWER, headers={"accept": kind})
            assert (answer.headers["content-type"], answer.json()) == (kind, {"data": {"viewer": None}})


async def test_invalid_token_is_refused() -> None:
    """Not treated as nobody: 401."""
    status, answer = await ask(VIEWER, authorization="Bearer nonsense")
    assert (status, codes(answer)) == (401, ["UNAUTHENTICATED"])


@pytest.mark.parametrize("error", [ValueError("secret"), Transient("host=secret"), KeyError("secret")])
async def test_faults_are_masked(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever broke: INTERNAL, and no word of it."""
    caplog.set_level(logging.CRITICAL)
    headers = {"authorization": f"Bearer {ANN.token()}"}
    async with client(error) as http:
        posted = await http.post("/graphql", json={"query": PLACE, "variables": {"input": wish()}}, headers=headers)
        answer = posted.json()
    assert codes(answer) == ["INTERNAL"]
    assert "secret" not in str(answer)


def test_documents_are_remembered() -> None:
    """The same text is parsed and validated once."""
    documents = app.Documents(SCHEMA)
    with mock.patch.object(app, "parse", wraps=parse) as parsing:
        first, second = documents.document("{ viewer { id } }"), documents.document("{ viewer { id } }")
    assert first is second
    assert parsing.call_count == 1


def test_documents_are_bounded() -> None:
    """The least recently used one is forgotten."""
    documents = app.Documents(SCHEMA)
    first = documents.document("{ viewer { id } }")
    for n in range(app.REMEMBERED):
        documents.document(f"{{ a{n}: viewer {{ id }} }}")
    assert documents.document("{ viewer { id } }") is not first


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": 1},
        {"exp": None},
        {"aud": "elsewhere"},
        {"aud": None},
        {"sub": None},
        {"sub": ""},
        {"sub": "x" * 65},
        {"sub": "nul\0"},
        {"role": None},
        {"role": "admin"},
    ],
)
def test_wrong_claims_name_nobody(claims: dict[str, Any]) -> None:
    """Expired, for somebody else, or without what is needed."""
    with pytest.raises(InvalidToken):
        Tokens(SECRET).principal(f"Bearer {ANN.token(**claims)}")


@pytest.mark.parametrize("key", [("x" * 40, "HS256"), (SECRET * 2, "HS512"), (None, "none")])
def test_foreign_signature_names_nobody(key: tuple[str | None, str]) -> None:
    """Another secret, another algorithm, none."""
    body = {"sub": "x", "role": "support", "aud": "demae", "exp": int(time.time()) + 60}
    with pytest.raises(InvalidToken):
        Tokens(SECRET).principal("Bearer " + jwt.encode(body, key[0] or "", key[1]))


def test_scheme_is_bearer() -> None:
    """Nothing else names a principal; no header is nobody, and no fault."""
    with pytest.raises(InvalidToken):
        Tokens(SECRET).principal(f"Basic {ANN.token()}")
    assert Tokens(SECRET).principal(None) is None


def test_remembered_token_expires() -> None:
    """Verified once, refused from its expiry on."""
    tokens, now = Tokens(SECRET), time.time()
    header = f"Bearer {ANN.token(exp=int(now) + 60)}"
    assert tokens.principal(header) == tokens.principal(header) == Principal(ANN.id, Role.CUSTOMER)
    with (
        mock.patch.object(time, "time", return_value=now + 61),
        mock.patch("jwt.decode", side_effect=jwt.ExpiredSignatureError),
        pytest.raises(InvalidToken),
    ):
        tokens.principal(header)
