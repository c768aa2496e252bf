"""Who asks: the principal of a bearer token (JWT, HS256, audience `demae`)."""

import time
from collections import OrderedDict
from dataclasses import dataclass
from enum import StrEnum

import jwt

AUDIENCE = "demae"
ID_LENGTH = range(1, 65)
REMEMBERED = 4096  # verified tokens: a client sends the same one with every request


class Role(StrEnum):
    """What a principal takes part in orders as; `sub` is its id as such."""

    CUSTOMER = "customer"
    RESTAURANT = "restaurant"
    COURIER = "courier"
    SUPPORT = "support"


@dataclass(frozen=True, slots=True)
class Principal:
    """A verified identity."""

    id: str
    role: Role


class InvalidToken(Exception):
    """There is an Authorization header, and it names nobody: malformed, forged, expired, or for somebody else."""


class Tokens:
    """Verifies tokens of one secret; remembers those it has verified until they expire. For one thread."""

    def __init__(self, secret: str) -> None:
        self._secret = secret
        self._known: OrderedDict[str, tuple[Principal, float]] = OrderedDict()

    def principal(self, authorization: str | None) -> Principal | None:
        """The principal of a header's value; None without one. Raises InvalidToken."""
        if authorization is None:
            return None
        known = self._known.get(authorization)
        if known is not None and time.time() < known[1]:
            return known[0]
        self._known.pop(authorization, None)
        principal, expires = self._verify(authorization)
        self._known[authorization] = (principal, expires)
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return principal

    def _verify(self, authorization: str) -> tuple[Principal, float]:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise InvalidToken
        try:
            claims = jwt.decode(
                token, self._secret, ["HS256"], audience=AUDIENCE, options={"require": ["exp", "aud", "sub", "role"]}
            )
            principal = Principal(claims["sub"], Role(claims["role"]))
        except (jwt.InvalidTokenError, ValueError) as error:
            raise InvalidToken from error
        if len(principal.id) not in ID_LENGTH or not principal.id.isprintable():
            raise InvalidToken
        return principal, float(claims["exp"])
