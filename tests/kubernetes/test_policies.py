"""Every policy, shown to find what it is for: one thing is broken in a copy of the manifests, and just that is said."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from cluster import policy
from cluster.facts import Facts, collect
from cluster.release import path
from cluster.render import read
from runtime.layout import ROOT

Manifest = dict[str, Any]
Break = Callable[["Broken"], None]


class Broken:
    """A copy of the manifests, to be changed."""

    def __init__(self, manifests: list[Manifest]) -> None:
        self.manifests = copy.deepcopy(manifests)

    def the(self, kind: str, name: str) -> Manifest:
        """One manifest; a ConfigMap without the hash of its name."""
        return next(one for one in self.manifests if one["kind"] == kind and self._called(one, name))

    @staticmethod
    def _called(manifest: Manifest, name: str) -> bool:
        full = str(manifest["metadata"]["name"])
        return full == name or (manifest["kind"] == "ConfigMap" and full.rpartition("-")[0] == name)

    def pod(self, name: str, kind: str = "Deployment") -> Manifest:
        """The spec of a workload's pods."""
        found: Manifest = self.the(kind, name)["spec"]["template"]["spec"]
        return found

    def main(self, name: str, kind: str = "Deployment") -> Manifest:
        """Its container."""
        found: Manifest = self.pod(name, kind)["containers"][0]
        return found

    def drop(self, kind: str, name: str) -> None:
        """Without that manifest."""
        self.manifests.remove(self.the(kind, name))

    def add(self, kind: str, name: str, **fields: Any) -> None:
        """With one more."""
        self.manifests.append({"kind": kind, "metadata": {"name": name, "namespace": "demae"}, **fields})


def put(where: Callable[[Broken], Manifest], **fields: Any) -> Break:
    """Sets fields of a part of the manifests; None takes one away."""

    def change(broken: Broken) -> None:
        part = where(broken)
        for name, value in fields.items():
            part.pop(name, None) if value is None else part.__setitem__(name, value)

    return change


def main(name: str, **fields: Any) -> Break:
    return put(lambda broken: broken.main(name), **fields)


def pod(name: str, **fields: Any) -> Break:
    return put(lambda broken: broken.pod(name), **fields)


def spec(kind: str, name: str, **fields: Any) -> Break:
    return put(lambda broken: broken.the(kind, name)["spec"], **fields)


def config(name: str, **fields: Any) -> Break:
    return put(lambda broken: broken.the("ConfigMap", name)["data"], **fields)


def secured(name: str, **fields: Any) -> Break:
    return put(lambda broken: broken.main(name)["securityContext"], **fields)


def limits(name: str, **fields: Any) -> Break:
    return put(lambda broken: broken.main(name)["resources"], **fields)


def drop(kind: str, name: str) -> Break:
    return lambda broken: broken.drop(kind, name)


def more(kind: str, name: str, **fields: Any) -> Break:
    return lambda broken: broken.add(kind, name, **fields)


def peers(name: str, way: str, *names: str) -> Break:
    """A NetworkPolicy that speaks of other workloads."""
    chosen = [{"podSelector": {"matchLabels": {"app.kubernetes.io/name": one}}} for one in names]

    def change(broken: Broken) -> None:
        rule = broken.the("NetworkPolicy", name)["spec"][way][0]
        rule["from" if way == "ingress" else "to"] = chosen

    return change


def scaler(target: str) -> Break:
    return more("ScaledObject", target, spec={"scaleTargetRef": {"name": target}})


def open_to_delivery(broken: Broken) -> None:
    """Both ends of an edge that is in no configuration."""
    both = {"key": "app.kubernetes.io/name", "operator": "In", "values": ["keeper", "delivery"]}
    broken.the("NetworkPolicy", "keeper-to-connect")["spec"]["podSelector"] = {"matchExpressions": [both]}
    broken.the("NetworkPolicy", "to-connect")["spec"]["ingress"] = [{"from": [{"podSelector": {}}]}]


EXTRA_MOUNT = [{"name": "nothing", "mountPath": "/x"}]
CLAIMED = {"name": "data", "persistentVolumeClaim": {"claimName": "typo"}}
HOST = {"name": "node", "hostPath": {"path": "/etc"}}

CASES: list[tuple[str, Break, str]] = [
    ("pinned", main("payment", image="demae/payment"), "Deployment payment: image demae/payment is not of one version"),
    (
        "pinned",
        main("payment", image="registry:5000/payment:latest"),
        "Deployment payment: image registry:5000/payment:latest is not of one version",
    ),
    (
        "unprivileged",
        secured("edge", readOnlyRootFilesystem=False),
        "Deployment edge: container main may write to its root",
    ),
    ("unprivileged", secured("edge", capabilities={}), "Deployment edge: container main keeps capabilities"),
    (
        "unprivileged",
        secured("edge", allowPrivilegeEscalation=None),
        "Deployment edge: container main may get more privileges",
    ),
    ("unprivileged", secured("edge", runAsUser=0), "Deployment edge: container main runs as root"),
    (
        "unprivileged",
        put(lambda broken: broken.pod("edge")["securityContext"], runAsNonRoot=None),
        "Deployment edge: runs as root",
    ),
    (
        "unprivileged",
        put(lambda broken: broken.pod("edge")["securityContext"], seccompProfile=None),
        "Deployment edge: has no seccomp profile",
    ),
    (
        "unprivileged",
        lambda broken: broken.pod("edge")["volumes"].append(HOST),
        "Deployment edge: mounts the node's /etc",
    ),
    ("unprivileged", pod("edge", hostNetwork=True), "Deployment edge: shares hostNetwork with its node"),
    (
        "tokenless",
        pod("payment", automountServiceAccountToken=None),
        "Deployment payment: has a token of the API server and no use for it",
    ),
    ("tokenless", pod("payment", enableServiceLinks=None), "Deployment payment: enableServiceLinks is not false"),
    (
        "bounded",
        limits("payment", limits={}),
        "Deployment payment: container main has no limit of memory",
    ),
    (
        "bounded",
        limits("payment", requests={"memory": "96Mi"}),
        "Deployment payment: container main has no request of cpu",
    ),
    (
        "bounded",
        limits("payment", limits={"memory": "64Mi"}),
        "Deployment payment: container main may have less memory than it asks for",
    ),
    (
        "bounded",
        put(lambda broken: broken.pod("edge")["volumes"][0], emptyDir={}),
        "Deployment edge: emptyDir tmp has no sizeLimit",
    ),
    ("probed", main("edge", readinessProbe=None), "Deployment edge: container main has no readinessProbe"),
    ("probed", main("connect", startupProbe=None), "Deployment connect: container main has no startupProbe"),
    (
        "mounted",
        lambda broken: broken.main("edge")["volumeMounts"].extend(EXTRA_MOUNT),
        "Deployment edge: mounts nothing, which is no volume",
    ),
    ("mounted", main("edge", volumeMounts=[]), "Deployment edge: volume tmp is mounted nowhere"),
    (
        "configured",
        put(lambda broken: broken.main("payment")["envFrom"][1]["configMapRef"], optional=None, name="typo"),
        "Deployment payment: there is no ConfigMap typo",
    ),
    (
        "configured",
        lambda broken: broken.pod("edge")["volumes"].append(CLAIMED),
        "Deployment edge: there is no PersistentVolumeClaim typo",
    ),
    (
        "configured",
        pod("bootstrap", serviceAccountName="typo"),
        "Deployment bootstrap: there is no ServiceAccount typo",
    ),
    ("configured", drop("Role", "bootstrap"), "RoleBinding bootstrap: there is no Role bootstrap"),
    ("configured", more("Secret", "payment"), "Secret payment stands in a manifest"),
    (
        "selected",
        spec("Service", "connect", selector={"app.kubernetes.io/name": "typo"}),
        "Service connect: speaks for no pod",
    ),
    (
        "selected",
        spec(
            "NetworkPolicy", "bootstrap-to-api-server", podSelector={"matchLabels": {"app.kubernetes.io/name": "typo"}}
        ),
        "NetworkPolicy bootstrap-to-api-server: means no pod",
    ),
    (
        "selected",
        spec("Deployment", "connect", selector={"matchLabels": {"app.kubernetes.io/name": "typo"}}),
        "Deployment connect: its selector does not mean its own pods",
    ),
    (
        "ports_named",
        main("connect", livenessProbe={"tcpSocket": {"port": "typo"}}),
        "Deployment connect: livenessProbe asks port typo, which it does not have",
    ),
    (
        "ports_named",
        lambda broken: broken.the("Service", "kafka")["spec"]["ports"].append({"port": 1, "targetPort": "typo"}),
        "Service kafka: StatefulSet kafka has no port typo",
    ),
    (
        "targeted",
        scaler("typo"),
        "ScaledObject typo: there is no Deployment typo",
    ),
    (
        "targeted",
        spec("StatefulSet", "postgres", serviceName="typo"),
        "StatefulSet postgres: there is no Service typo",
    ),
    (
        "housed",
        put(lambda broken: broken.the("Service", "edge")["metadata"], namespace="default"),
        "Service edge: is not in namespace demae",
    ),
    (
        "housed",
        put(lambda broken: broken.the("Namespace", "demae")["metadata"], labels={}),
        "Namespace demae: does not enforce restricted",
    ),
    ("housed", drop("Namespace", "demae"), "there are 0 namespaces"),
    (
        "reachable",
        main("edge", env=[{"name": "API", "value": "api-http:8000"}, {"name": "NOTIFIER", "value": "notifier:8001"}]),
        "Deployment edge: Service notifier has no port 8001",
    ),
    (
        "reachable",
        config("keeper", CONNECT_URL="http://typo:8083"),
        "Deployment keeper: there is no Service typo",
    ),
    ("one_owner", scaler("payment"), "Deployment payment: has replicas, and an autoscaler"),
    ("one_owner", spec("Deployment", "payment", replicas=None), "Deployment payment: nobody says how many replicas"),
    ("disrupted_gently", drop("PodDisruptionBudget", "payment"), "Deployment payment: 0 disruption budgets"),
    (
        "disrupted_gently",
        spec("PodDisruptionBudget", "payment", maxUnavailable=0),
        "Deployment payment: PodDisruptionBudget payment may keep a node from being emptied",
    ),
    (
        "disrupted_gently",
        pod("payment", topologySpreadConstraints=[]),
        "Deployment payment: is not spread over nodes",
    ),
    ("denied_by_default", drop("NetworkPolicy", "default"), "no NetworkPolicy denies what is not said"),
    (
        "closed_to_outsiders",
        put(lambda broken: broken.the("NetworkPolicy", "to-connect")["spec"]["ingress"][0], **{"from": None}),
        "NetworkPolicy to-connect: opens Deployment connect to everybody",
    ),
    ("complete", drop("Deployment", "delivery"), "there is no Deployment delivery"),
    (
        "complete",
        main("api-projector", args=["http"]),
        "Deployment api-projector: is given ['http'], and is started with ['projector']",
    ),
    (
        "complete",
        main("delivery", image="demae/payment:0.1.0"),
        "Deployment delivery: runs image demae/payment:0.1.0, and is a process of delivery",
    ),
    (
        "known_images",
        lambda broken: broken.main("kafka", "StatefulSet").update(image="confluentinc/cp-kafka:8"),
        "StatefulSet kafka: nobody builds image confluentinc/cp-kafka:8",
    ),
    ("told_what_it_reads", config("keeper", CONNECT_URL=None), "Deployment keeper: CONNECT_URL is not set"),
    ("told_what_it_reads", config("keeper", CONNECT_TYPO="1"), "Deployment keeper: CONNECT_TYPO is read by nobody"),
    (
        "told_what_it_reads",
        config("keeper", CDC_DATABASE_PASSWORD="word"),
        "Deployment keeper: CDC_DATABASE_PASSWORD is a secret, and stands in a manifest",
    ),
    (
        "given_its_secret",
        put(lambda broken: broken.pod("delivery")["volumes"][0]["secret"], secretName="api"),
        "Deployment delivery: has the secrets of api",
    ),
    (
        "given_its_secret",
        put(lambda broken: broken.main("delivery")["volumeMounts"][0], mountPath="/secrets"),
        "Deployment delivery: container main has its secrets at ['/secrets'], and looks in /run/secrets",
    ),
    (
        "given_its_secret",
        main("edge", env=[{"name": "API", "valueFrom": {"secretKeyRef": {"name": "api", "key": "TYPO"}}}]),
        "Deployment edge: nobody makes TYPO in Secret api",
    ),
    (
        "ports_agree",
        main("delivery", readinessProbe={"httpGet": {"path": "/live", "port": "health"}}),
        "Deployment delivery: readinessProbe does not ask /ready",
    ),
    (
        "ports_agree",
        config("api-http", HTTP_PORT="8001"),
        "Deployment api-http: listens on another port than its port http, 8000",
    ),
    (
        "ports_agree",
        main("delivery", ports=[{"name": "health", "containerPort": 9001}]),
        "Deployment delivery: answers about its health on 9000, and its port health is 9001",
    ),
    (
        "replaced_in_order",
        spec("Deployment", "payment", strategy={"type": "RollingUpdate"}),
        "Deployment payment: a successor begins before it has ended (maxSurge)",
    ),
    (
        "replaced_in_order",
        spec("Deployment", "connect", strategy=None),
        "Deployment connect: a successor begins before it has ended (maxSurge)",
    ),
    (
        "replaced_in_order",
        main("api-http", lifecycle=None),
        "Deployment api-http: is asked while it ends (maxUnavailable, preStop)",
    ),
    (
        "drained",
        pod("payment", terminationGracePeriodSeconds=15),
        "Deployment payment: is killed before it has ended; it may need 15 s",
    ),
    (
        "edges_agree",
        peers("keeper-to-connect", "egress", "delivery"),
        "keeper → connect:8083 is needed, and may not leave",
    ),
    (
        "edges_agree",
        peers("to-connect", "ingress", "delivery"),
        "keeper → connect:8083 is needed, and may not enter",
    ),
    ("edges_agree", open_to_delivery, "delivery → connect:8083 is open, and nobody needs it"),
]


@pytest.fixture(scope="module")
def manifests() -> list[Manifest]:
    """As they are released; another test keeps the release in step."""
    return [dict(one) for one in read(path(ROOT).read_text())]


@pytest.fixture(scope="module")
def facts() -> Facts:
    """What the code says."""
    return collect(ROOT)


def test_manifests_break_no_policy(manifests: list[Manifest], facts: Facts) -> None:
    """The release as it is."""
    assert policy.violations(manifests, facts) == []


@pytest.mark.parametrize(("name", "change", "expected"), CASES, ids=[f"{n}-{i}" for i, (n, _, _) in enumerate(CASES)])
def test_policy_finds_the_fault(
    manifests: list[Manifest], facts: Facts, name: str, change: Break, expected: str
) -> None:
    """One change, and of this policy just the sentence about it; others may speak of what follows."""
    broken = Broken(manifests)
    change(broken)
    said = policy.violations(broken.manifests, facts)
    assert [one for one in said if one.startswith(f"{name}: ")] == [f"{name}: {expected}"]


def test_every_policy_has_a_case() -> None:
    """A policy that nobody has seen to fail may find nothing at all."""
    known = {one.__name__ for one in [*policy.ALONE, *policy.AGAINST_CODE]}
    assert known == {name for name, _, _ in CASES}
