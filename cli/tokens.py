"""Development tokens: who a person claims to be, signed with the system's own secret."""

import time
from enum import StrEnum

import jwt

AUDIENCE = "demae"
HOURS = 12


class Role(StrEnum):
    """The four principals of the GraphQL schema."""

    CUSTOMER = "customer"
    RESTAURANT = "restaurant"
    COURIER = "courier"
    SUPPORT = "support"


def mint(subject: str, role: Role, secret: str, hours: float = HOURS) -> str:
    """A signed token for `subject` in `role`, good for `hours` from now."""
    claims = {"sub": subject, "role": role.value, "aud": AUDIENCE, "exp": int(time.time() + hours * 3600)}
    return jwt.encode(claims, secret, algorithm="HS256")
