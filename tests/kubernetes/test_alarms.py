"""Alarms speak of metrics that the code has."""

import re
from collections.abc import Iterator

import pytest
from prometheus_client import REGISTRY

from tests.support.overlays import document, documents

SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum"), "gauge": ("",), "stateset": ("",)}
WORDS = frozenset({"and", "or", "unless", "by", "without", "on", "ignoring", "bool", "offset"})


def metrics() -> set[str]:
    """Every name that some process of ours exposes."""
    from api import meters  # noqa: F401, PLC0415 - importing is registering
    from chassis import telemetry  # noqa: F401, PLC0415
    from keeper import telemetry as keeping  # noqa: F401, PLC0415
    from notifier import metrics as pushing  # noqa: F401, PLC0415
    from payment import calls  # noqa: F401, PLC0415

    return {metric.name + suffix for metric in REGISTRY.collect() for suffix in SUFFIXES.get(metric.type, ())}


def named(expression: str) -> set[str]:
    """The metrics of a PromQL expression."""
    bare = re.sub(r"\{[^}]*\}|\[[^]]*\]|\b(by|without|on|ignoring)\s*\([^)]*\)", " ", expression)
    return {word for word in re.findall(r"[a-zA-Z_:][\w:]*(?!\w*\s*\()", bare) if word not in WORDS and len(word) > 2}


def alarms() -> Iterator[tuple[str, str]]:
    """Name and expression of each."""
    for one in documents("full", "PrometheusRule"):
        for group in one["spec"]["groups"]:
            yield from ((rule["alert"], rule["expr"]) for rule in group["rules"])


def test_names_are_found() -> None:
    """The reading of expressions itself."""
    said = 'histogram_quantile(0.9, sum by (le, x) (rate(a_seconds_bucket{b="c"}[10m]))) > 1e9 and absent(d_total) == 0'
    assert named(said) == {"a_seconds_bucket", "d_total"}


def test_every_metric_exists() -> None:
    """An alarm on a metric that nobody has would be silent for ever."""
    known = metrics()
    assert {(alarm, name) for alarm, expression in alarms() for name in named(expression) - known} == set()


def test_what_must_be_told_is_told() -> None:
    """Each of these has an alarm."""
    told = {name for _, expression in alarms() for name in named(expression)}
    assert told >= {
        "parked_heads",
        "consumer_lag",
        "tick_age_seconds",
        "slot_bytes_behind",
        "slot_wal_status",
        "api_oldest_due_ticks",
        "notifier_push_age_seconds_bucket",
    }


def test_slot_is_told_before_it_is_lost() -> None:
    """Both alarms come before Postgres gives the slot up."""
    postgres = document("full", "StatefulSet", "postgres")["spec"]["template"]["spec"]["containers"][0]["args"]
    kept = next(int(re.sub(r"\D", "", one)) for one in postgres if "max_slot_wal_keep_size" in one) * 1e9
    limits = [float(limit) for _, said in alarms() for limit in re.findall(r"slot_bytes_behind\) > (\S+)", said)]
    assert len(limits) == 2
    assert all(limit < kept for limit in limits)


@pytest.mark.parametrize("field", ["summary", "description"])
def test_alarms_say_what_to_do(field: str) -> None:
    """Whoever is woken at night reads it."""
    for one in documents("full", "PrometheusRule"):
        for group in one["spec"]["groups"]:
            assert all(rule["annotations"][field] for rule in group["rules"])


def test_ports_are_those_of_the_pods() -> None:
    """Metrics are on the port of health, which every service's pod names."""
    (endpoint,) = document("full", "PodMonitor", "demae")["spec"]["podMetricsEndpoints"]
    chosen = document("full", "PodMonitor", "demae")["spec"]["selector"]["matchLabels"]
    found = [one["spec"]["template"] for one in documents("full", "Deployment")]
    pods = [pod for pod in found if chosen.items() <= pod["metadata"]["labels"].items()]
    assert len(pods) >= 7
    for pod in pods:
        assert endpoint["port"] in {port["name"] for port in pod["spec"]["containers"][0]["ports"]}
