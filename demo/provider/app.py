"""The HTTP face: Stripe's paths, forms in, JSON out; and trouble, when tests have asked for it."""

import asyncio
import hmac
import time
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qsl

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from provider import errors
from provider.bank import Action, Bank, Params, new_id
from provider.control import Control
from provider.domain import intent_json
from provider.errors import Refusal
from provider.faults import Fault
from provider.keys import Keys, fingerprint
from provider.store import Line, Store
from provider.trouble import Trouble

BODY_MAX = 64 * 1024  # bytes; Stripe's calls used here need a few hundred
FIELDS_MAX = 100
Endpoint = Callable[[Request], Awaitable[Response]]
Call = Callable[[Request, Params, str], Awaitable[Response]]  # with the id of the request


class Api:
    """The endpoints. `latency` (seconds) stands between arrival and execution: what a bank takes to think."""

    def __init__(self, store: Store, key: str, latency: float = 0.0) -> None:
        self._authorization = f"Bearer {key}".encode()
        self.trouble = Trouble()
        self._store = store
        self._bank = Bank(store, self.trouble.refuses)
        self._keys = Keys(store)
        self._latency = latency

    def endpoint(self, call: Call) -> Endpoint:
        """A call under the key, and under trouble: what it executes is in the log, whatever becomes of the answer."""

        async def endpoint(request: Request) -> Response:
            request_id = new_id("req_")
            try:
                self.authorize(request)
                params = await _form(request)
            except Refusal as refusal:
                return _refused(refusal, request_id)
            fate = self.trouble.fate(_name(request), self._order(request, params))
            if fate.wait:
                await asyncio.sleep(fate.wait)
            if fate.before is not None:
                return await _badly(fate.before, request, request_id)
            answer = await _said(call(request, params, request_id), request_id)
            if fate.after is Fault.SAVE_ERROR:
                self._keys.spoil(request.headers.get("idempotency-key"), errors.broken())
            return answer if fate.after is None else await _badly(fate.after, request, request_id)

        return endpoint

    async def retrieve(self, request: Request, _params: Params, request_id: str) -> Response:
        """GET /v1/payment_intents/{intent}"""
        intent = self._bank.get(request.path_params["intent"])
        return _answer(200, msgspec.json.encode(intent_json(intent)), request_id)

    def changing(self, action: Action) -> Endpoint:
        """A POST endpoint around one action of the bank."""
        return self.endpoint(lambda request, params, request_id: self._execute(action, request, params, request_id))

    def _order(self, request: Request, params: Params) -> str | None:
        """The order that a call is about, where that is known."""
        target = request.path_params.get("intent") or params.get("payment_intent", "")
        intent = self._store.intents.get(target)
        return params.get("metadata[order_id]") if intent is None else intent.metadata.get("order_id")

    def authorize(self, request: Request) -> None:
        """Raises a Refusal for a request without the key."""
        shown = request.headers.get("authorization", "")
        if not hmac.compare_digest(shown.encode("latin-1"), self._authorization):
            raise errors.bad_key(shown.removeprefix("Bearer ") or None)

    async def _execute(self, action: Action, request: Request, params: Params, request_id: str) -> Response:
        path = request.scope["path"]
        key = request.headers.get("idempotency-key")
        print_of_request = fingerprint("POST", path, params)
        saved = self._keys.saved(key, print_of_request)
        if saved is not None:
            headers = {"Idempotent-Replayed": "true", "Original-Request": saved.request}
            return _answer(saved.status, bytes(saved.body), request_id, key, headers)
        line = Line(time.time(), "", request_id, path, 0, msgspec.Raw(), key=key, fingerprint=print_of_request)
        with self._keys.running(key):
            if self._latency:
                await asyncio.sleep(self._latency)
            line = self._bank.execute(action, request.path_params.get("intent", ""), params, line)
        return _answer(line.status, bytes(line.body), request_id, key)


def create_app(store: Store, key: str, latency: float = 0.0) -> Starlette:
    """The application. The store stays the caller's, to be closed after the server has stopped."""
    api = Api(store, key, latency)
    intents = "/v1/payment_intents"
    return Starlette(
        routes=[
            Route(intents, api.changing(Bank.create), methods=["POST"]),
            Route(intents + "/{intent}/confirm", api.changing(Bank.confirm), methods=["POST"]),
            Route(intents + "/{intent}/cancel", api.changing(Bank.cancel), methods=["POST"]),
            Route(intents + "/{intent}", api.endpoint(api.retrieve), methods=["GET"]),
            Route("/v1/refunds", api.changing(Bank.refund), methods=["POST"]),
            Route("/faults", Control(api.trouble, api.authorize).endpoint, methods=["GET", "PUT", "DELETE"]),
            Route("/live", _well, methods=["GET"]),
            Route("/ready", _well, methods=["GET"]),
        ],
        exception_handlers={404: _unknown, 405: _unknown},
    )


async def _well(_request: Request) -> Response:
    """The log was read before the socket was opened: who answers is ready."""
    return _answer(200, b'{"status":"ok"}', "")


async def _unknown(request: Request, _error: Exception) -> Response:
    return _refused(errors.unknown_url(request.method, request.scope["path"]), new_id("req_"))


def _name(request: Request) -> str:
    """What a seed knows a call by, beside its number."""
    return request.headers.get("idempotency-key") or str(request.scope["path"])


async def _said(call: Awaitable[Response], request_id: str) -> Response:
    try:
        return await call
    except Refusal as refusal:
        return _refused(refusal, request_id)


async def _badly(fault: Fault, request: Request, request_id: str) -> Response:
    """What the caller gets in place of an answer."""
    if fault is Fault.UNAVAILABLE:
        return _refused(errors.unavailable(), request_id)
    if fault in (Fault.LOSE_REQUEST, Fault.LOSE_ANSWER):
        request.state.hang_up()
        await asyncio.sleep(0)  # the server learns that there is nobody to answer
    return _refused(errors.broken(), request_id)


async def _form(request: Request) -> dict[str, str]:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_MAX:
            raise errors.invalid("body", f"Request bodies can be up to {BODY_MAX} bytes.")
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=FIELDS_MAX)
    except ValueError as error:
        raise errors.invalid("body", "The body is not a form this API can read.") from error
    return dict(pairs)


def _refused(refusal: Refusal, request_id: str) -> Response:
    return _answer(refusal.status, msgspec.json.encode(refusal.body), request_id)


def _answer(
    status: int, body: bytes, request_id: str, key: str | None = None, headers: dict[str, str] | None = None
) -> Response:
    headers = {} if headers is None else headers
    if request_id:
        headers["Request-Id"] = request_id
    if key is not None:
        headers["Idempotency-Key"] = key
    return Response(body, status, headers, media_type="application/json")
