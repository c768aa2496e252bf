"""`/faults`: how tests make trouble. PUT sets it, GET says what it has done, DELETE ends it."""

from collections.abc import Callable

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from provider import errors
from provider.errors import Refusal
from provider.faults import Faults
from provider.trouble import Trouble

decode = msgspec.json.Decoder(Faults).decode


class Control:
    """The endpoint. `authorize` raises a Refusal for a request without the provider's key."""

    def __init__(self, trouble: Trouble, authorize: Callable[[Request], None]) -> None:
        self._trouble = trouble
        self._authorize = authorize

    async def endpoint(self, request: Request) -> Response:
        """All three methods; each answers with what is in force then."""
        try:
            self._authorize(request)
            await self._change(request)
        except Refusal as refusal:
            return Response(msgspec.json.encode(refusal.body), refusal.status, media_type="application/json")
        return Response(msgspec.json.encode(self._trouble.report()), media_type="application/json")

    async def _change(self, request: Request) -> None:
        if request.method == "PUT":
            try:
                self._trouble.set(decode(await request.body()))
            except msgspec.MsgspecError as error:
                raise errors.invalid("faults", str(error)) from error
        elif request.method == "DELETE":
            self._trouble.heal()
