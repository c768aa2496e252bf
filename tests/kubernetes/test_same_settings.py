"""Postgres, the broker and Connect are set up as in compose: what differs is listed here, with the reason."""

import re
from typing import Any

import pytest
import yaml

from cluster.manifests import Manifests, Workload, workloads
from cluster.release import path
from cluster.render import read
from runtime.layout import ROOT

# Where they are, and who they are.
PLACES = {
    "ADVERTISED_HOST_NAME",
    "CLUSTER_ID",
    "KAFKA_ADVERTISED_LISTENERS",
    "KAFKA_CONTROLLER_QUORUM_VOTERS",
    "KAFKA_LISTENERS",
    "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP",
    "KAFKA_LOG_DIRS",
    "KAFKA_NODE_ID",
    "NAMESPACE",
    "PGDATA",
    "POD",
    "REST_HOST_NAME",
}
# A node has more memory than a person's machine, and more replicas that connect.
LARGER = {"HEAP_OPTS", "KAFKA_HEAP_OPTS", "max_connections", "shared_buffers"}
# Written down by people's terminals and by a cluster's log differently; and a cluster's disk is waited for.
OTHER = {"POSTGRES_INITDB_ARGS", "log_line_prefix", "log_timezone"}
# What compose takes from a person's environment, and its default.
DEFAULT = re.compile(r"\$\{\w+:-([^}]*)\}")


@pytest.fixture(scope="module")
def manifests() -> Manifests:
    """As they are released."""
    return read(path(ROOT).read_text())


@pytest.fixture(scope="module")
def composed() -> dict[str, Any]:
    """The services of compose."""
    found: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())["services"]
    return found


def named(manifests: Manifests, name: str) -> Workload:
    return next(one for one in workloads(manifests) if one.name == name)


def settled(given: dict[str, str]) -> dict[str, str]:
    """Without what may differ."""
    return {name: value for name, value in given.items() if name not in PLACES | LARGER | OTHER}


@pytest.mark.parametrize("name", ["kafka", "connect"])
def test_variables_are_the_same(manifests: Manifests, composed: dict[str, Any], name: str) -> None:
    """Replication, time-outs, converters, memory outside the heap."""
    here = {one["name"]: one.get("value", "") for one in named(manifests, name).main["env"]}
    there = {key: str(value) for key, value in composed[name]["environment"].items()}
    assert settled(here) == settled(there)


def test_postgres_is_the_same(manifests: Manifests, composed: dict[str, Any]) -> None:
    """The write-ahead log above all: change data capture hangs on it."""
    here = dict(word.removeprefix("-c").split("=", 1) for word in named(manifests, "postgres").main["args"])
    words = [DEFAULT.sub(r"\1", word) for word in composed["postgres"]["command"][1:]]
    there = dict(word.removeprefix("-c").split("=", 1) for word in words)
    assert settled(here) == settled(there)


def test_images_are_the_same(manifests: Manifests, composed: dict[str, Any]) -> None:
    """Of one version."""
    for name in ("postgres", "kafka", "connect"):
        assert f":-{named(manifests, name).main['image']}}}" in composed[name]["image"]
