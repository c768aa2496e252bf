"""api's own places where a crash matters; see `chassis.failpoints`."""

from collections.abc import Mapping

POINTS: Mapping[str, str] = {
    "api.before_statement": "A mutation is decided; its one statement was not sent.",
    "api.after_statement": "A mutation's statement is committed; the client has no answer.",
}
