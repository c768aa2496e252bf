"""docs/kubernetes.md says what renders."""

import re
from functools import cache

import pytest

from bootstrap.secrets import Values, secrets_of
from chassis.migrate import roles
from cluster import render
from runtime.layout import ROOT
from tests.support.overlays import DEMO, KUBERNETES, Document, documents, needs, new_services, overlay, read

UNITS = {"": 1.0, "m": 0.001, "Mi": 1.0, "Gi": 1024.0}  # cores and MiB


@cache
def page() -> str:
    return " ".join(read("docs/kubernetes.md").split())


def amount(quantity: object) -> float:
    """A quantity of Kubernetes."""
    number, unit = re.fullmatch(r"([\d.]+)(\w*)", str(quantity)).groups()  # type: ignore[union-attr]
    return float(number) * UNITS[unit]


def sums(manifests: list[Document]) -> tuple[int, float, float, float, float]:
    """Pods, cores and GiB asked for, GiB at most, GiB of disk."""
    pods, asked, most, disk, cores = 0, 0.0, 0.0, 0.0, 0.0
    for one in manifests:
        if one["kind"] == "PersistentVolumeClaim":
            disk += amount(one["spec"]["resources"]["requests"]["storage"])
        if one["kind"] not in ("Deployment", "StatefulSet"):
            continue
        replicas = one["spec"]["replicas"]
        (container,) = one["spec"]["template"]["spec"]["containers"]
        pods += replicas
        cores += replicas * amount(container["resources"]["requests"]["cpu"])
        asked += replicas * amount(container["resources"]["requests"]["memory"])
        most += replicas * amount(container["resources"]["limits"]["memory"])
        for claim in one["spec"].get("volumeClaimTemplates", []):
            disk += replicas * amount(claim["spec"]["resources"]["requests"]["storage"])
    return pods, cores, asked / 1024, most / 1024, disk / 1024


def test_sums_are_those_of_the_manifests() -> None:
    """What it asks of a cluster."""
    needs("kubectl")
    if new_services() or not DEMO:
        pytest.skip("the page describes other processes than are here")
    pods, cores, asked, most, disk = sums([dict(one) for one in render.read(render.render(KUBERNETES))])
    said = f"{pods} pods that ask for {cores:.1f} cores and {asked:.1f} GiB, may take {most:.1f} GiB, and claim"
    assert f"{said} {disk:.0f} GiB of disk" in page()
    pods, cores, asked, _, disk = sums(overlay("dev"))
    assert f"`dev`: {pods} pods, {cores:.1f} cores, {asked:.1f} GiB, {disk:.1f} GiB of disk" in page()


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`(deploy/[\w/.-]+)`", read("docs/kubernetes.md")))))
def test_named_paths_are_there(path: str) -> None:
    """A reader finds what is named."""
    assert (ROOT / path).exists()


def test_every_component_is_named() -> None:
    """And every overlay."""
    parts = {f"{path.parent.parent.name}/{path.parent.name}" for path in KUBERNETES.glob("*/*/kustomization.yaml")}
    parts = {part for part in parts if part.startswith(("components/", "overlays/"))}
    assert {part for part in parts if part not in page()} == {"components/replicated"}  # a part of two others


def test_named_processes_are_there() -> None:
    """The order of an upgrade speaks of Deployments that exist."""
    names = {one["metadata"]["name"] for one in documents("full", "Deployment")}
    for group in re.findall(r"app\.kubernetes\.io/name in \(([^)]*)\)", page()):
        assert set(group.split(",")) <= names


def test_named_secrets_are_made() -> None:
    """Whoever reads a password out of one finds it."""
    services = ROOT / "services"
    made = secrets_of(services, Values("postgresql://a:b@c/d", dict.fromkeys(roles(services), "e"), "f", "g"))
    named = re.findall(r"\$\(secret (\w+) (\w+)", page())
    assert len(named) == 2
    assert all(variable in made[secret] for secret, variable in named)


def test_named_alarms_are_there() -> None:
    """By the name that a pager shows."""
    rules = [
        rule
        for one in documents("full", "PrometheusRule")
        for group in one["spec"]["groups"]
        for rule in group["rules"]
    ]
    assert set(re.findall(r"\bDemae[A-Z]\w+", page())) <= {rule["alert"] for rule in rules}


def test_upgrade_leaves_nothing_out() -> None:
    """Its first step has all that has no process's name: settings and policies, which the later steps refer to."""
    unnamed = [one for one in overlay("full") if "app.kubernetes.io/name" not in one["metadata"].get("labels", {})]
    settings = {one["metadata"]["name"].rpartition("-")[0] for one in unnamed if one["kind"] == "ConfigMap"}
    assert "settings" in settings
    assert not [one for one in unnamed if one["kind"] in ("Deployment", "StatefulSet", "Secret")]
