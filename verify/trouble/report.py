"""What the experiments found: a table each for people, one JSON object for programs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Group
from rich.table import Table

from bench.figures import percentile
from trouble.poison import Parked
from trouble.provider import Compared, Outage


@dataclass(frozen=True)
class Result:
    """What was tried; None was not."""

    outage: Outage | None
    silence: Compared | None
    poison: tuple[Compared, Parked] | None
    violations: Sequence[str]


def figures(result: Result) -> dict[str, Any]:
    """The JSON object."""
    found: dict[str, Any] = {}
    if result.outage:
        found["unavailable"] = outage(result.outage)
    if result.silence:
        found["hanging"] = {"hit": result.silence.hit, **latencies(result.silence)}
    if result.poison:
        compared, parked = result.poison
        heads = {"heads": dict(parked.heads), "heads_expected": dict(parked.expected), "parked_after": parked.left}
        found["poison"] = {"rate": round(parked.rate, 1), "injected": parked.injected, **heads, **latencies(compared)}
    return {**found, "violations": len(result.violations)}


def outage(found: Outage) -> dict[str, float | None]:
    """Its figures."""
    return {
        "orders": found.orders,
        "lost": found.lost,
        "seconds": found.seconds,
        "calls_per_s": round(found.calls / found.seconds, 2),
        "backlog_paid_s": None if found.paid is None else round(found.paid, 1),
        "backlog_gone_s": None if found.gone is None else round(found.gone, 1),
    }


def latencies(found: Compared) -> dict[str, float | None]:
    """place → delivered, and how much longer it took beside the trouble; None where nothing was delivered."""
    pairs = {"without": found.without, "beside": found.beside}
    told = {
        f"{name}_p{p}_ms": round(percentile(values, p), 1) if values else None
        for name, values in pairs.items()
        for p in (50, 99)
    }
    longer = found.ratio(99)
    return {**told, "p99_ratio": None if longer is None else round(longer, 2)}


def tables(result: Result) -> Group:
    """What a person reads."""
    shown: list[Table] = []
    if result.outage:
        shown.append(of_outage(result.outage))
    if result.silence:
        shown.append(of_others("1 % of the calls to the provider hang", result.silence))
    if result.poison:
        compared, parked = result.poison
        shown += [of_others("1 % of the orders have an event that nobody can read", compared), of_heads(parked)]
    return Group(*(part for table in shown for part in (table, "")), f"broken promises  {len(result.violations)}")


def of_outage(found: Outage) -> Table:
    """An outage of the provider."""
    table = _table(f"The provider answers 503 for {found.seconds:.0f} s", f"at {found.rate:g} orders/s")
    table.add_row("orders", str(found.orders))
    table.add_row("lost", str(found.lost))
    table.add_row("calls a second meanwhile", f"{found.calls / found.seconds:.2f}")
    paid, gone = ("never" if one is None else f"{one:.1f} s" for one in (found.paid, found.gone))
    table.add_row("backlog paid, delivered after", f"{paid}, {gone}")
    return table


def of_others(title: str, found: Compared) -> Table:
    """Orders that were not hit, with and without."""
    table = _table(title, "all well", "beside it", "ratio")
    table.add_row("orders", str(len(found.without)), f"{len(found.beside)} (and {found.hit} hit)", "")
    for percent in (50, 99):
        sides = [f"{percentile(side, percent):.1f}" if side else "" for side in (found.without, found.beside)]
        longer = found.ratio(percent)
        table.add_row(f"place → delivered p{percent}, ms", *sides, "" if longer is None else f"{longer:.2f}")
    return table


def of_heads(found: Parked) -> Table:
    """What poison came to."""
    table = _table(f"{found.injected} bad events at {found.rate:.0f} orders/s", "parked heads", "injected for it")
    for name, expected in sorted(found.expected.items()):
        table.add_row(name, str(found.heads.get(name, 0)), str(expected))
    table.add_row("still parked in the end", str(found.left), "0")
    return table


def _table(title: str, *columns: str) -> Table:
    return Table(title, *columns, box=None, pad_edge=False)
