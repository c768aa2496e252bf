"""Bearer tokens: JWT, HS256, audience `demae`, with sub, role and exp."""

from collections.abc import Callable
from typing import NamedTuple

import jwt

from notifier.domain import Principal, Role

AUDIENCE = "demae"
ID_LENGTH = range(1, 65)
REQUIRED = ["sub", "role", "aud", "exp"]


class Denied(Exception):
    """The token is missing, not ours, expired, or says too little."""


class Pass(NamedTuple):
    """Who this is, and until when (Unix time)."""

    principal: Principal
    expires: float


Verify = Callable[[object], Pass]


def verifier(secret: str) -> Verify:
    """A function from a `connection_init` payload to a Pass; it raises Denied."""

    def verify(payload: object) -> Pass:
        try:
            claims = jwt.decode(
                _bearer(payload), secret, algorithms=["HS256"], audience=AUDIENCE, options={"require": REQUIRED}
            )
            if len(claims["sub"]) not in ID_LENGTH:
                raise Denied("sub is not an id")
            return Pass(Principal(claims["sub"], Role(claims["role"])), float(claims["exp"]))
        except (jwt.PyJWTError, ValueError) as fault:
            raise Denied(str(fault)) from fault

    return verify


def _bearer(payload: object) -> str:
    """The token of `{"authorization": "Bearer …"}`; the member's name in any case, as HTTP's."""
    members = payload.items() if isinstance(payload, dict) else ()
    values = [value for name, value in members if name.lower() == "authorization"]
    if len(values) != 1 or not isinstance(values[0], str):
        raise Denied("connection_init needs a payload {authorization: 'Bearer …'}")
    scheme, _, token = values[0].partition(" ")
    if scheme.lower() != "bearer":
        raise Denied("the authorization is no bearer token")
    return token
