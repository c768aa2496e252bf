"""I1, by the provider's own log: one capture for a delivered order, nothing kept of a cancelled one."""

from collections.abc import Iterator

from check import contract
from check.case import Breach, Case
from check.documents import Document
from check.facts import Charge
from check.rules import MARGIN
from check.world import World

CAPTURED, REFUNDED, REFUSED = "payment_intent.succeeded", "refund.created", "request.refused"
REFUNDS = "/refunds"  # how the path ends where a refund is asked for


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
        kept = _sum(captures) - _sum(refunds)
        if kept < 0:
            yield f"{-kept} more went back than was captured"
        if now.settled:
            yield from _settled(case, now.payment.status, captures, refunds)
    elif any(line.at < before for line in refunds):
        yield f"money went back while the order is {now.status}"


def _delivered(now: Document, captures: list[Charge], refunds: list[Charge]) -> Iterator[str]:
    if not captures:
        yield "it was delivered, and the provider captured nothing"
    elif len(captures) == 1 and captures[0].amount != now.total:
        yield f"the provider captured {captures[0].amount}, the order's total is {now.total}"
    if refunds:
        yield f"it was delivered, and {_amounts(refunds)} went back"


def _settled(case: Case, said: str, captures: list[Charge], refunds: list[Charge]) -> Iterator[str]:
    """What was said to have become of a cancelled order's money, against what did."""
    kept = _sum(captures) - _sum(refunds)
    if said == "REFUND_FAILED":
        # A refund that the provider refuses is for a person to settle.
        if not any(line.type == REFUSED and line.path.endswith(REFUNDS) for line in case.charges):
            yield "it is REFUND_FAILED, and the provider refused no refund"
        elif refunds:
            yield f"it is REFUND_FAILED, although {_amounts(refunds)} went back"
    elif kept > 0:
        yield f"it is cancelled and {said}, and the provider still holds {kept}"
    elif said == "RELEASED" and captures:
        yield f"it is RELEASED, although {_amounts(captures)} was captured, and went back"
    elif said == "REFUNDED" and not captures:
        yield "it is REFUNDED, and the provider captured nothing"


def _sum(lines: list[Charge]) -> int:
    return sum(line.amount for line in lines)


def _amounts(lines: list[Charge]) -> str:
    return ", ".join(str(line.amount) for line in lines)
