"""`demae doctor`: what is missing or not well, each with what to do about it."""

from collections.abc import Iterable, Sequence

import httpx
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.configuration import configuration
from cli.errors import CommandError
from cli.health import Health
from cli.prerequisites import Finding
from cli.processes import Part, Runtime

QUESTION = {"query": "{ __typename }"}
CLOCK = "tick_age_seconds"


def report(runtime: Runtime, console: Console) -> bool:
    """Print every finding, the bad ones with their remedy. True when all is well."""
    findings = [*runtime.prerequisites(), *system(runtime)]
    table = Table("", "part", "", box=None, show_header=False, pad_edge=False)
    for finding in findings:
        mark = Text("ok", "green") if finding.well else Text("!!", "bold red")
        table.add_row(mark, finding.name, Text(finding.detail))
    console.print(table)
    bad = [finding for finding in findings if not finding.well]
    for finding in bad:
        console.print(Text(f"{finding.name}: {finding.remedy or finding.detail}", "red"))
    console.print("All is well." if not bad else f"{len(bad)} of {len(findings)} are not well.")
    return not bad


def system(runtime: Runtime) -> list[Finding]:
    """The edge, every process, and what their gauges say together."""
    try:
        parts = [part for part in runtime.parts() if part.running or not part.extra]
        said = runtime.health(parts)
    except CommandError as error:
        return [Finding("runtime", False, str(error), "`make up` starts the system")]
    return [*(judge(part, said.get(part.name)) for part in parts), *log(said.values()), edge()]


def judge(part: Part, health: Health | None) -> Finding:
    """One process as a finding."""
    if not part.running:
        return Finding(part.name, False, part.state.lower(), f"`./demae start {part.name}`; `make logs S={part.name}`")
    if health is None:
        return Finding(part.name, True, f"running (process {part.pid})")
    said = "; ".join([*health.reasons, *health.notes])
    well = health.ready and not health.notes
    return Finding(part.name, well, said or f"ready (process {part.pid})", f"{said}; `make logs S={part.name}`")


def log(answers: Iterable[Health]) -> list[Finding]:
    """The log's clock, the lag and the parked orders, over all processes."""
    gauges = [health.gauges for health in answers]
    findings = []
    if ages := [found[CLOCK] for found in gauges if CLOCK in found]:
        findings.append(Finding("clock", True, f"the last tick came back out of the log {max(ages):.1f} s ago"))
    findings += [total("lag", "consumer_lag", "events behind the log", gauges)]
    findings += [total("parked", "parked_heads", "events wait for a person", gauges)]
    return findings


def total(name: str, gauge: str, words: str, gauges: Sequence[object]) -> Finding:
    """One gauge summed over the processes: told here, judged where it belongs to a process."""
    values = [found.get(gauge, 0.0) for found in gauges if isinstance(found, dict)]
    return Finding(name, True, f"{sum(values):.0f} {words}")


def edge() -> Finding:
    """One query through the front door."""
    try:
        url = configuration().url
        asked = httpx.post(f"{url}/graphql", json=QUESTION, timeout=5.0)
    except CommandError as error:
        return Finding("address", False, "not known", str(error))
    except httpx.HTTPError as error:
        return Finding("address", False, f"no answer ({type(error).__name__})", "is the edge running? `make up`")
    answered = asked.status_code == httpx.codes.OK
    return Finding("address", answered, f"{url}/graphql answers {asked.status_code}", "`make logs S=api-http`")
