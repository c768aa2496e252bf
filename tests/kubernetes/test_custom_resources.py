"""Custom resources are held against the operators' own schemas, and every hold is seen to hold."""

from collections.abc import Callable
from pathlib import Path

import pytest

from cluster import custom, schemas
from cluster.custom import closed_to_others, is_custom
from runtime.layout import ROOT, Layout, from_environment
from tests.support.overlays import OVERLAYS, Document, custom_faults, document, needs, overlay, read

Break = Callable[[Document], object]

# overlay, kind, name, how to break it, what is then said of it.
BROKEN: tuple[tuple[str, str, str, Break, str], ...] = (
    (
        "full",
        "ScaledObject",
        "delivery",
        lambda one: one["spec"].update(minReplicas=0),
        "/spec/minReplicas is no field",
    ),
    (
        "full",
        "ScaledObject",
        "payment",
        lambda one: one["spec"]["triggers"][0].update(metadta={}),
        "/spec/triggers/0/metadta is no field",
    ),
    ("full", "ScaledObject", "restaurant", lambda one: one["spec"].update(cooldownPeriod="5m"), "must be integer"),
    ("full", "ScaledObject", "restaurant", lambda one: one["spec"].pop("triggers"), "triggers"),
    (
        "full",
        "TriggerAuthentication",
        "payment",
        lambda one: one["spec"]["secretTargetRef"][0].pop("key"),
        "must have required property key",
    ),
    (
        "full",
        "PodMonitor",
        "demae",
        lambda one: one["spec"]["podMetricsEndpoints"][0].update(interval="15 s"),
        "must match pattern",
    ),
    (
        "full",
        "PrometheusRule",
        "demae-log",
        lambda one: one["spec"]["groups"][0]["rules"][0].update(expr="max by (namespace (tick_age_seconds) > 15"),
        "not PromQL",
    ),
    (
        "full",
        "PrometheusRule",
        "demae-log",
        lambda one: one["spec"]["groups"][0]["rules"][0].update(severity="critical"),
        "/severity is no field",
    ),
    (
        "full",
        "HTTPRoute",
        "demae",
        lambda one: one["spec"]["rules"][0]["timeouts"].update(idle="1h"),
        "/timeouts/idle is no field",
    ),
    (
        "full",
        "HTTPRoute",
        "demae",
        lambda one: one["spec"]["rules"][0]["backendRefs"][0].update(port=80000),
        "must be <= 65535",
    ),
    ("full", "Gateway", "demae", lambda one: one["spec"].pop("gatewayClassName"), "gatewayClassName"),
    (
        "operators",
        "Cluster",
        "postgres",
        lambda one: one["spec"]["replicationSlots"]["highAvailability"].update(synchroniseLogicalDecoding=True),
        "/synchroniseLogicalDecoding is no field",
    ),
    (
        "operators",
        "Cluster",
        "postgres",
        lambda one: one["spec"]["postgresql"]["synchronous"].update(method="all"),
        "/spec/postgresql/synchronous/method must be equal to one of the allowed values",
    ),
    ("operators", "Kafka", "kafka", lambda one: one["spec"]["kafka"].update(replica=3), "'replica' was unexpected"),
    (
        "operators",
        "Kafka",
        "kafka",
        lambda one: one["spec"]["kafka"]["listeners"][0].update(type="clusterip"),
        "'clusterip' is not one of",
    ),
    ("operators", "KafkaNodePool", "node", lambda one: one["spec"].update(replicas="3"), "is not of type 'integer'"),
    (
        "operators",
        "KafkaNodePool",
        "node",
        lambda one: one["spec"]["storage"]["volumes"][0].update(sise="1Gi"),
        "'sise' was unexpected",
    ),
    (
        "operators",
        "KafkaNodePool",
        "node",
        lambda one: one["spec"]["template"]["kafkaContainer"]["securityContext"].update(privileges=True),
        "'privileges' was unexpected",
    ),
    ("operators", "Kafka", "kafka", lambda one: one.update(kind="Kafke"), "there is no schema of"),
    ("operators", "Cluster", "postgres", lambda one: one.update(kind="Klaster"), "there is no schema of"),
)


@pytest.mark.parametrize("name", OVERLAYS)
def test_overlays_keep_the_schemas(name: str) -> None:
    """Nothing is said of what is in the tree."""
    assert custom_faults(overlay(name)) == []


def test_every_kind_is_checked() -> None:
    """The table below has each kind in use, so that none is let through unseen."""
    used = {one["kind"] for name in OVERLAYS for one in overlay(name) if is_custom(one)}
    assert used == {kind for _, kind, *_ in BROKEN}


@pytest.mark.parametrize(("name", "kind", "called", "damage", "said"), BROKEN)
def test_broken_copy_is_refused(name: str, kind: str, called: str, damage: Break, said: str) -> None:
    """One thing wrong in a copy, and it is told where."""
    broken = document(name, kind, called)
    damage(broken)
    assert [fault for fault in custom_faults([broken]) if said in fault], custom_faults([broken])


def test_objects_that_name_fields_are_closed() -> None:
    """What names none may hold anything: it is a map, or free."""
    schema = {"type": "object", "properties": {"a": {"type": "object"}, "b": {"items": {"properties": {"c": {}}}}}}
    closed = closed_to_others(schema)
    assert closed["additionalProperties"] is False
    assert closed["properties"]["a"] == {}
    assert closed["properties"]["b"]["items"]["additionalProperties"] is False


def test_lock_names_no_place() -> None:
    """Any registry serves it: the lock has hashes, and no addresses."""
    lock = read("deploy/k8s/schemas/package-lock.json")
    assert "integrity" in lock
    assert "://" not in lock


def tools(folder: Path, **scripts: str) -> str:
    """A PATH of stand-ins."""
    for name, script in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    return str(folder)


def elsewhere(folder: Path) -> Layout:
    """This tree, with nothing fetched."""
    return Layout(ROOT, folder / "state", folder / "downloads", 0)


def test_missing_tool_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has no Node.js is told so, and what it is for."""
    monkeypatch.setenv("PATH", tools(tmp_path))
    with pytest.raises(schemas.SchemasError, match="npm is missing: custom resources are checked with"):
        schemas.folder(elsewhere(tmp_path))


def test_failed_fetch_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tool's own words, and no folder that would pass for a whole one."""
    monkeypatch.setenv("PATH", tools(tmp_path, npm="echo no such host >&2; exit 1"))
    with pytest.raises(
        schemas.SchemasError, match="npm could not fetch the schemas of custom resources:\nno such host"
    ):
        schemas.folder(elsewhere(tmp_path))
    assert list((tmp_path / "downloads").iterdir()) == []


def test_broken_checker_is_no_pass(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """When Node.js itself fails, nothing counts as checked."""
    broken = document("full", "ScaledObject", "delivery")
    broken["metadata"]["annotations"] = {"new": "to the memory"}
    needs("node", "npm", "mvn", "java")
    schemas.folder(from_environment())
    monkeypatch.setenv("PATH", tools(tmp_path, node="echo out of memory >&2; exit 134"))
    with pytest.raises(schemas.SchemasError, match=r"Node\.js could not check custom resources:\nout of memory"):
        custom.faults([broken], from_environment())
