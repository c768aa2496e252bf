"""What a GraphQL request is refused for, and what a client is told when something broke: never an exception's text."""

from typing import Any

from graphql import GraphQLError

from chassis.errors import Transient
from chassis.telemetry import log

BROKEN = "Something went wrong here, and it is not your request."


class RequestError(Exception):
    """A bad request or a missing right; the message is for the client."""

    code = "BAD_USER_INPUT"


class Unauthenticated(RequestError):
    """Nobody asks, or a token that names nobody."""

    code = "UNAUTHENTICATED"


class Forbidden(RequestError):
    """This role may not."""

    code = "FORBIDDEN"


def formatted(error: GraphQLError) -> dict[str, Any]:
    """The error as clients see it, with `extensions.code`."""
    cause = error.original_error
    if cause is None:
        entry: dict[str, Any] = {
            "message": error.message,
            "extensions": {"code": "BAD_USER_INPUT", **(error.extensions or {})},
        }
    elif isinstance(cause, RequestError):
        entry = {"message": str(cause), "extensions": {"code": cause.code}}
    else:
        entry = {"message": _masked(error, cause), "extensions": {"code": "INTERNAL"}}
    if error.locations:
        entry["locations"] = [{"line": place.line, "column": place.column} for place in error.locations]
    if error.path:
        entry["path"] = error.path
    return entry


def _masked(error: GraphQLError, cause: Exception) -> str:
    if isinstance(cause, Transient):
        log.warning("a request met trouble", event_key="http.trouble", path=error.path, error=str(cause))
        return "The request could not be finished: try again."
    log.error("a request failed", event_key="http.failed", path=error.path, exc_info=cause)
    return BROKEN
