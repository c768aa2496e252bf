"""The figures of a run: a table for people, one JSON object for programs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.console import Group
from rich.table import Table

from bench import latency
from bench.figures import Comparison, percentile
from bench.phases import Phase
from bench.truth import Fact

Journal = Mapping[str, Sequence[Fact]]


@dataclass(frozen=True)
class Idle:
    """The stack before any load: percent of one core, and PSS in MiB, by part."""

    cpu_pct: Mapping[str, float]
    pss: Mapping[str, float]


@dataclass(frozen=True)
class Result:
    """Everything a run found. A comparison of None was not made."""

    idle: Idle
    fixed: Phase
    full: Phase
    journal: Journal
    violations: Sequence[str]
    place_vs_pgbench: Comparison | None = None
    consumer_vs_bare: Comparison | None = None


def figures(result: Result) -> dict[str, float | None]:
    """The JSON object: latencies at the fixed rate, throughput and cost at full rate."""
    fixed, full = result.fixed, result.full
    place, whole = latency.placing(fixed.orders), latency.delivering(fixed.orders)
    one = latency.pushes(fixed.orders, result.journal, latency.ONE_HOP)
    two = latency.pushes(fixed.orders, result.journal, latency.TWO_HOPS)
    exact = {
        "orders_per_s": full.delivered_per_s,
        "cpu_ms_per_order": cpu_ms(full),
        "load_cpu_ms_per_order": 1000 * full.load_cpu / max(1, len(full.orders)),
        "cpu_ms_per_order_fixed": cpu_ms(fixed),
        "idle_cpu_pct": sum(result.idle.cpu_pct.values()),
        "place_p50_ms": percentile(place, 50),
        "place_p99_ms": percentile(place, 99),
        "push1_p50_ms": percentile(one, 50),
        "push1_p99_ms": percentile(one, 99),
        "push2_p50_ms": percentile(two, 50),
        "push2_p99_ms": percentile(two, 99),
        "place_to_delivered_p50_ms": percentile(whole, 50),
        "place_to_delivered_p99_ms": percentile(whole, 99),
        "full_push2_p50_ms": percentile(latency.pushes(full.orders, result.journal, latency.TWO_HOPS), 50),
        "full_place_to_delivered_p50_ms": percentile(latency.delivering(full.orders), 50),
        "place_vs_pgbench": quotient(result.place_vs_pgbench),
        "consumer_vs_bare": quotient(result.consumer_vs_bare),
        "cdc_events_per_s": full.events / full.elapsed,
        "others_cpu_pct": 100 * full.others / full.elapsed,
        "rss_total_mb": sum(result.idle.pss.values()),
        "orders": len(fixed.orders) + len(full.orders),
        "violations": len(result.violations),
    }
    return {name: value if value is None else round(value, 3) for name, value in exact.items()}


def quotient(compared: Comparison | None) -> float | None:
    """The ratio, where there is one."""
    return None if compared is None else compared.ratio


def cpu_ms(phase: Phase) -> float:
    """CPU of the whole stack, without the load, for each order of a phase."""
    return 1000 * sum(phase.cpu.values()) / max(1, len(phase.orders))


def tables(result: Result) -> Group:
    """What a person reads."""
    return Group(phases(result), "", parts(result), "", whole(result))


def whole(result: Result) -> Table:
    """What belongs to the run and not to a phase."""
    table = Table("", "", box=None, pad_edge=False, show_header=False)
    for name, value in (
        ("placeOrder / pgbench with the same SQL", result.place_vs_pgbench),
        ("consumer / bare loop with the same SQL", result.consumer_vs_bare),
    ):
        table.add_row(name, "not measured" if value is None else str(value))
    table.add_row("broken promises", str(len(result.violations)))
    return table


def phases(result: Result) -> Table:
    """Rates and latencies of both phases, side by side."""
    table = Table("", result.fixed.name, result.full.name, box=None, pad_edge=False)
    pair = (result.fixed, result.full)
    table.add_row("orders", *(str(len(phase.orders)) for phase in pair))
    table.add_row("delivered a second", *(f"{phase.delivered_per_s:.1f}" for phase in pair))
    table.add_row("backlog", *("grows" if phase.backlog_grew else "steady" for phase in pair))
    table.add_row("events a second through CDC", *(f"{phase.events / phase.elapsed:.0f}" for phase in pair))
    table.add_row("placeOrder p50 / p99, ms", *(both(latency.placing(phase.orders)) for phase in pair))
    for name, types in (("one hop", latency.ONE_HOP), ("two hops", latency.TWO_HOPS)):
        values = (both(latency.pushes(phase.orders, result.journal, types)) for phase in pair)
        table.add_row(f"commit → push, {name}, p50 / p99, ms", *values)
    table.add_row("place → delivered p50 / p99, ms", *(both(latency.delivering(phase.orders)) for phase in pair))
    table.add_row("CPU an order, ms (and the load's)", *(costs(phase) for phase in pair))
    return table


def both(values: Sequence[float]) -> str:
    """p50 / p99."""
    return f"{percentile(values, 50):.1f} / {percentile(values, 99):.1f}"


def costs(phase: Phase) -> str:
    """The stack's CPU an order, and the load's."""
    return f"{cpu_ms(phase):.1f} ({1000 * phase.load_cpu / max(1, len(phase.orders)):.1f})"


def parts(result: Result) -> Table:
    """Every process: memory, and percent of a core in each phase."""
    table = Table("process", "PSS, MiB", "idle, %", result.fixed.name, result.full.name, box=None, pad_edge=False)
    for name in sorted(result.idle.pss, key=lambda part: -result.full.cpu.get(part, 0.0)):
        busy = (f"{100 * phase.cpu.get(name, 0.0) / phase.elapsed:.1f}" for phase in (result.fixed, result.full))
        table.add_row(name, f"{result.idle.pss[name]:.0f}", f"{result.idle.cpu_pct.get(name, 0.0):.1f}", *busy)
    totals = (f"{100 * sum(phase.cpu.values()) / phase.elapsed:.1f}" for phase in (result.fixed, result.full))
    others = (f"{100 * phase.others / phase.elapsed:.1f}" for phase in (result.fixed, result.full))
    table.add_row("all", f"{sum(result.idle.pss.values()):.0f}", f"{sum(result.idle.cpu_pct.values()):.1f}", *totals)
    table.add_row("other work on this machine", "", "", *others)
    return table
