"""Tokens of the load's own people."""

import time

import jwt

HOURS = 6


def mint(subject: str, role: str, secret: str) -> str:
    """A development token, good for the length of any run."""
    claims = {"sub": subject, "role": role, "aud": "demae", "exp": int(time.time()) + HOURS * 3600}
    return jwt.encode(claims, secret, algorithm="HS256")
