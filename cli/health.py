"""What a process says about itself: `/ready` with its reasons, and the gauges that tell trouble."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx
from prometheus_client.parser import text_string_to_metric_families

SECONDS = 2.0
LAG_LIMIT = 1000.0  # records behind the log's end: more than a busy second's worth
TICK_LIMIT = 10.0  # seconds: the clock ticks once a second when events flow
SLOT_LIMIT = 1e9  # bytes of WAL, as the alarm has it
DUE_LIMIT = 30.0  # ticks, as the alarm has it
SLOT_TROUBLE = ("unreserved", "lost")


@dataclass(frozen=True)
class Health:
    """`reasons` is empty when the process is ready; `notes` are gauges out of bounds."""

    ready: bool
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    gauges: Mapping[str, float] = field(default_factory=dict)


async def ask(client: httpx.AsyncClient, base: str) -> Health:
    """The health of the process whose health server is at `base`; never raises for a process that does not answer."""
    try:
        ready = await client.get(f"{base}/ready", timeout=SECONDS)
        metrics = await client.get(f"{base}/metrics", timeout=SECONDS)
    except httpx.HTTPError as error:
        return Health(False, (f"no answer from {base} ({type(error).__name__})",))
    return health((ready.status_code, ready.text), (metrics.status_code, metrics.text))


def health(ready: tuple[int, str], metrics: tuple[int, str]) -> Health:
    """Out of the answers, status and body, to /ready and /metrics."""
    gauges = read(metrics[1]) if metrics[0] == httpx.codes.OK else {}
    well = ready[0] == httpx.codes.OK
    return Health(well, () if well else why(ready[1]), tuple(notes(gauges)), gauges)


def why(body: str) -> tuple[str, ...]:
    """The reasons in a 503 answer of `/ready`."""
    try:
        reasons = json.loads(body).get("reasons", [])
    except (ValueError, AttributeError):
        return (body.strip() or "not ready, and no reason given",)
    return tuple(str(reason) for reason in reasons) or ("not ready, and no reason given",)


def read(text: str) -> dict[str, float]:
    """Every sample of a Prometheus page by name, summed over its labels; ages take the largest instead.

    One that is in one of several states, such as slot_wal_status, has a name for each: slot_wal_status=lost.
    """
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            state = sample.labels.get(sample.name)
            name = f"{sample.name}={state}" if state else sample.name
            known = found.get(name, 0.0)
            found[name] = max(known, sample.value) if "age" in name else known + sample.value
    return found


def notes(gauges: Mapping[str, float]) -> list[str]:
    """Sentences for the gauges that are out of bounds."""
    said = []
    if (age := gauges.get("tick_age_seconds", 0.0)) > TICK_LIMIT:
        said.append(f"the log's clock stands since {age:.0f} s: events do not flow from Postgres to the log")
    if (lag := gauges.get("consumer_lag", 0.0)) > LAG_LIMIT:
        said.append(f"{lag:.0f} events behind the log")
    if parked := gauges.get("parked_heads", 0.0):
        said.append(f"{parked:.0f} parked: these orders wait for a person, see `./demae parked list`")
    if (kept := gauges.get("slot_bytes_behind", 0.0)) > SLOT_LIMIT:
        said.append(f"Postgres keeps {kept / 1e9:.1f} GB of WAL that the connector has not read")
    said += [f"the replication slot is {state}" for state in SLOT_TROUBLE if gauges.get(f"slot_wal_status={state}")]
    if (late := gauges.get("api_oldest_due_ticks", 0.0)) > DUE_LIMIT:
        said.append(f"an order has used up its allowance {late:.0f} ticks ago, and goes on waiting")
    return said
