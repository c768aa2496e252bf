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


def outage(found: Outage) -> dict[str, float]:
    """Its figures."""
    return {
        "orders": found.orders,
        "lost": found.lost,
        "seconds": found.seconds,
        "calls_per_s": round(found.calls / found.seconds, 2),
        "backlog_paid_s": round(found.paid, 1),
        "backlog_gone_s": round(found.gone, 1),
    }


def latencies(found: Compared) -> dict[str, float | None]:
    """place → delivered, and how much longer it took beside the trouble."""
    pairs = {"without": found.without, "beside": found.beside}
    exact = {f"{name}_p{p}_ms": percentile(values, p) for name, values in pairs.items() for p in (50, 99)}
    ratio = round(exact["beside_p99_ms"] / exact["without_p99_ms"], 2) if exact["without_p99_ms"] else None
    return {**{name: round(value, 1) for name, value in exact.items()}, "p99_ratio": ratio}


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
    table.add_row("backlog paid, delivered after", f"{found.paid:.1f} s, {found.gone:.1f} s")
    return table


def of_others(title: str, found: Compared) -> Table:
    """Orders that were not hit, with and without."""
    table = _table(title, "all well", "beside it", "ratio")
    table.add_row("orders", str(len(found.without)), f"{len(found.beside)} (and {found.hit} hit)", "")
    for percent in (50, 99):
        without, beside = (percentile(values, percent) for values in (found.without, found.beside))
        ratio = f"{beside / without:.2f}" if without else ""
        table.add_row(f"place → delivered p{percent}, ms", f"{without:.1f}", f"{beside:.1f}", ratio)
    return table


def of_heads(found: Parked) -> Table:
    """What poison came to."""
    table = _table(f"{found.injected} bad events at {found.rate:.0f} orders/s", "parked heads", "injected for it")
    for name, expected in sorted(found.expected.items()):
        table.add_row(name, str(found.heads.get(name, 0)), str(expected))
    table.add_row("still parked in the end", str(found.left), "0")
    return table


def faults(parked: Parked) -> list[str]:
    """Where poison did not become what it must; a sentence each."""
    found = [
        f"{name} has {parked.heads.get(name, 0)} parked heads of {expected} bad events"
        for name, expected in sorted(parked.expected.items())
        if parked.heads.get(name, 0) != expected
    ]
    strange = parked.heads.keys() - parked.expected.keys()
    found += [f"{name} has parked what it does not handle" for name in sorted(strange)]
    return found + ([f"{parked.left} events are still parked in the end"] if parked.left else [])


def _table(title: str, *columns: str) -> Table:
    return Table(title, *columns, box=None, pad_edge=False)
