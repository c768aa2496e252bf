"""Who takes part, and the tokens that say so."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import jwt

from demae_client import Client, DemaeError, RequestError, Unreachable

HOURS = 12
As = Callable[[str, str], Client]
"""A client for (subject, role)."""


@dataclass(frozen=True)
class Town:
    """Where the system is, and the secret that signs development tokens."""

    url: str
    jwt_secret: str

    def speak_as(self, subject: str, role: str) -> Client:
        """A client for one person."""
        claims = {"sub": subject, "role": role, "aud": "demae", "exp": int(time.time()) + HOURS * 3600}
        return Client(f"{self.url}/graphql", jwt.encode(claims, self.jwt_secret, algorithm="HS256"))


def passing(error: DemaeError) -> bool:
    """True for trouble that a restart brings and that passes: no answer, or a fault the server cannot name."""
    return isinstance(error, Unreachable) or (isinstance(error, RequestError) and error.code == "INTERNAL")
