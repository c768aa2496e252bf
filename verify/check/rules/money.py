"""I1, by the provider's own log: one capture for a delivered order, nothing kept of a cancelled one."""

from collections.abc import Iterator

from check import contract
from check.case import Breach, Case
from check.documents import Document
from check.facts import Charge
from check.rules import MARGIN
from check.world import World

CAPTURED, REFUNDED = "payment_intent.succeeded", "refund.created"


def charged(case: Case, world: World) -> Iterator[Breach]:
    """I1."""
    captures = [line for line in case.charges if line.type == CAPTURED]
    refunds = [line for line in case.charges if line.type == REFUNDED]
    for sentence in _wrong(case, world, captures, refunds):
        yield Breach("I1", case.id, sentence)


def _wrong(case: Case, world: World, captures: list[Charge], refunds: list[Charge]) -> Iterator[str]:
    if len(captures) > 1:
        yield f"double charge: the provider captured {len(captures)} times ({_amounts(captures)})"
    before = world.now - MARGIN
    now = case.now
    if now is not None and (others := {line.currency for line in captures} - {"", now.currency.lower()}):
        yield f"the provider captured {', '.join(sorted(others))}, the order is in {now.currency}"
    if now is None:
        if any(line.at < before for line in captures):
            yield "the provider captured money for an order that does not exist"
    elif now.status == contract.DELIVERED:
        yield from _delivered(now, captures, refunds)
    elif now.status == contract.CANCELLED:
        yield from _cancelled(now, captures, refunds)
    elif any(line.at < before for line in refunds):
        yield f"money went back while the order is {now.status}"


def _delivered(now: Document, captures: list[Charge], refunds: list[Charge]) -> Iterator[str]:
    if not captures:
        yield "it was delivered, and the provider captured nothing"
    elif len(captures) == 1 and captures[0].amount != now.total:
        yield f"the provider captured {captures[0].amount}, the order's total is {now.total}"
    if refunds:
        yield f"it was delivered, and {_amounts(refunds)} went back"


def _cancelled(now: Document, captures: list[Charge], refunds: list[Charge]) -> Iterator[str]:
    kept = _sum(captures) - _sum(refunds)
    if kept < 0:
        yield f"{-kept} more went back than was captured"
    # A refund that the provider refuses is for a person to settle: declared by REFUND_FAILED.
    if kept > 0 and now.settled and now.payment.status != "REFUND_FAILED":
        yield f"it is cancelled and {now.payment.status}, and the provider still holds {kept}"


def _sum(lines: list[Charge]) -> int:
    return sum(line.amount for line in lines)


def _amounts(lines: list[Charge]) -> str:
    return ", ".join(str(line.amount) for line in lines)
