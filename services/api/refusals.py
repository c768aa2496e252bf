"""Why the rules say no, in words: a stable code for programs, and a sentence that says what to do. Pure."""

from collections.abc import Set
from dataclasses import dataclass
from enum import StrEnum

from api.order import Order, Status


class Code(StrEnum):
    """The stable codes of a refusal."""

    RESTAURANT_NOT_FOUND = "RESTAURANT_NOT_FOUND"
    ITEM_NOT_FOUND = "ITEM_NOT_FOUND"
    INVALID_INPUT = "INVALID_INPUT"
    IDEMPOTENCY_KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"
    ATTEMPT_REUSED = "ATTEMPT_REUSED"
    ORDER_NOT_FOUND = "ORDER_NOT_FOUND"
    TOO_LATE = "TOO_LATE"
    NOT_YET = "NOT_YET"
    NOT_YOURS = "NOT_YOURS"


class Refused(Exception):
    """The rules say no: data for the caller, nothing is written. `field` is the input's dotted path."""

    def __init__(self, code: Code, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field


@dataclass(frozen=True, slots=True)
class Moment:
    """When a command is right, and what to do when it comes too early or too late."""

    statuses: Set[Status]
    early: str
    late: str


STANDS = {
    Status.PLACED: "The order is not paid yet",
    Status.PAID: "The order has no courier yet",
    Status.COURIER_ASSIGNED: "The restaurant has not accepted the order yet",
    Status.ACCEPTED: "The dish is not ready yet",
    Status.READY: "The dish is ready",
    Status.PICKED_UP: "The courier has picked the order up",
    Status.DELIVERED: "The order has been delivered",
}


def stands(order: Order) -> str:
    """Where the order stands, for the beginning of a sentence. The order must have been placed."""
    if order.cancellation is None:
        return STANDS[order.status]
    if order.cancellation.reason == "CUSTOMER":
        return "The customer has cancelled the order"
    return f"The order was cancelled ({order.cancellation.reason.lower().replace('_', ' ')})"


def invalid(message: str, field: str) -> Refused:
    """The input is wrong, whatever the order is."""
    return Refused(Code.INVALID_INPUT, message, field)


def need_order(known: bool) -> None:
    """Somebody else's order and no order look the same."""
    if not known:
        raise Refused(Code.ORDER_NOT_FOUND, "You have no such order.", "id")


def need_courier(order: Order, courier_id: str) -> None:
    """The order's present courier; after a reassignment that is somebody else."""
    need_order(order.status is not Status.NONE)
    if order.courier_id != courier_id:
        raise Refused(Code.NOT_YOURS, "The order is not assigned to you: leave it to the courier who has it.", "id")


def need_status(order: Order, moment: Moment) -> None:
    """A moment's statuses follow each other on every order's path: before them is not yet, behind them too late."""
    if order.status in moment.statuses:
        return
    path = list(Status)
    if path.index(order.status) < min(map(path.index, moment.statuses)):
        raise Refused(Code.NOT_YET, f"{stands(order)}: {moment.early}.", "id")
    raise Refused(Code.TOO_LATE, f"{stands(order)}: {moment.late}.", "id")
