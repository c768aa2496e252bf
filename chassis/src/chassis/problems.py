"""Problem details for HTTP APIs (RFC 9457): the one shape of every error that a REST client sees. No web framework."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

MEDIA_TYPE = "application/problem+json"
TYPES = "https://demae.example/problems/"  # a name, not an address: contracts/ tells what each of them means
TITLES = {  # RFC 9110's; the standard library's differ from one Python to the next
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    422: "Unprocessable Content",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


class Problem(Exception):
    """The request is answered with an error; every word of it is for the client, so never an exception's text.

    `code` is stable, for programs; `detail` is a sentence for people; `field` is the member or header at fault.
    """

    def __init__(
        self, status: int, code: str, detail: str, *, headers: Mapping[str, str] | None = None, field: str = ""
    ) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = {"cache-control": "no-store", **(headers or {})}
        self.field = field

    def body(self) -> bytes:
        """The JSON object."""
        told = {
            "type": TYPES + self.code,
            "title": TITLES[self.status],
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
        }
        return msgspec.json.encode(told | ({"field": self.field} if self.field else {}))


def invalid(detail: str) -> Problem:
    """The request itself is malformed."""
    return Problem(400, "BAD_USER_INPUT", detail)


def unauthenticated(detail: str) -> Problem:
    """Nobody asks, or a token that names nobody."""
    return Problem(401, "UNAUTHENTICATED", detail, headers={"www-authenticate": "Bearer"})


def unavailable(detail: str) -> Problem:
    """Right again in a moment: a restart, or trouble with the database."""
    return Problem(503, "UNAVAILABLE", detail, headers={"retry-after": "1"})


def broken() -> Problem:
    """A fault of ours; the log says which."""
    return Problem(500, "INTERNAL", "Something went wrong here, and it is not your request.")


def of_status(status: int, detail: str = "", headers: Mapping[str, str] | None = None) -> Problem:
    """A refusal that HTTP has a name for: an unknown path (404), a method that is not offered (405) …"""
    title = TITLES[status]
    return Problem(status, title.upper().replace(" ", "_"), detail or f"{title}.", headers=headers)
