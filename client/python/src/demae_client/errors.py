"""What can go wrong, by what the caller should do about it."""

from collections.abc import Sequence
from dataclasses import dataclass


class DemaeError(Exception):
    """Everything this package raises on purpose."""


class RequestError(DemaeError):
    """The server refused the request: an entry of GraphQL `errors`. Asking again the same way will not help.

    `code` is the stable `extensions.code`, such as UNAUTHENTICATED, BAD_USER_INPUT, ORDER_NOT_FOUND; INTERNAL when the
    server sent none.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


@dataclass(frozen=True)
class UserError:
    """One refusal by the rules, as the mutation's payload states it."""

    code: str
    message: str
    field: str | None = None


class UserErrors(DemaeError):
    """The rules of the shop refused a well-formed mutation: too late, not yet, unknown item. Nothing was changed."""

    def __init__(self, errors: Sequence[UserError]) -> None:
        super().__init__("; ".join(f"{error.code}: {error.message}" for error in errors))
        self.errors = tuple(errors)

    @property
    def code(self) -> str:
        """The first refusal's code: there is rarely more than one."""
        return self.errors[0].code


class Unreachable(DemaeError):
    """No usable answer came: connection refused or lost, a time-out, a 5xx. Whether the request was done is unknown."""


class Lost(Unreachable):
    """The WebSocket went away under a subscription; subscribing again with the last cursor loses nothing.

    `code` is the close code; None when the connection could not be opened at all.
    """

    def __init__(self, code: int | None, reason: str) -> None:
        super().__init__(f"connection lost ({code}): {reason}" if code else f"cannot connect: {reason}")
        self.code = code
        self.reason = reason


class Refused(DemaeError):
    """The server closed the socket with a code that says: do not come back like this (token, protocol)."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"closed with {code}: {reason}")
        self.code = code
        self.reason = reason


class Gap(DemaeError):
    """The server broke its word: a version was skipped, repeated or out of order."""

    def __init__(self, order_id: str, expected: int, received: int) -> None:
        super().__init__(f"order {order_id}: expected version {expected}, received {received}")
        self.order_id = order_id
        self.expected = expected
        self.received = received
