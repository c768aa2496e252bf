"""The order's state machines as Mermaid, from the tables that `evolve` folds by."""

from collections.abc import Iterable, Mapping

from api.events import TYPES
from api.order import ALLOWANCES, OPEN, PAYING, SETTLING, STATUSES, WAITS, Paid, Status

Edges = Mapping[tuple[str, str], list[str]]
"""(from, to) → the facts that lead there."""

BEGIN = END = "[*]"


def statuses() -> str:
    """Where an order can stand, and what brings it there."""
    moves = sorted(STATUSES.items(), key=lambda move: [*map(list(Status).index, (move[0][0], move[1]))])
    edges = _edges((_begin(was), TYPES[fact], now) for (was, fact), now in moves)
    ends = [f"  {status} --> {END}" for status in Status if status not in OPEN and status is not Status.NONE]
    return _diagram([*_lines(edges), *ends])


def payments() -> str:
    """Where the money can stand: while the order is open, and once it is cancelled."""
    begin = [f"  {BEGIN} --> {Paid.PENDING}: order_created"]
    while_open = _edges((was, TYPES[fact], now) for (was, fact), now in PAYING.items())
    cancelled = _edges((was, f"{TYPES[fact]} (cancelled)", now) for (was, fact), now in SETTLING.items())
    return _diagram([*begin, *_lines(while_open), *_lines(cancelled)])


def waits() -> str:
    """What every status waits for, how long, and what the order is cancelled for then."""
    rows = [f"| {status} | {ALLOWANCES[reason]} | `{reason}` |" for status, reason in WAITS.items()]
    return "\n".join(["| waits in | at most (ticks) | then cancelled with |", "|---|---|---|", *rows])


def _begin(status: Status) -> str:
    return BEGIN if status is Status.NONE else status


def _edges(moves: Iterable[tuple[str, str, str]]) -> Edges:
    edges: dict[tuple[str, str], list[str]] = {}
    for was, fact, now in moves:
        edges.setdefault((was, now), []).append(fact)
    return edges


def _lines(edges: Edges) -> list[str]:
    return [f"  {was} --> {now}: {', '.join(facts)}" for (was, now), facts in edges.items()]


def _diagram(lines: Iterable[str]) -> str:
    return "\n".join(["```mermaid", "stateDiagram-v2", *lines, "```"])
