"""Reading manifests: what pods they make, who is meant by a selector, which ports there are."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Manifest = Mapping[str, Any]
Manifests = Sequence[Manifest]

WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "Job")


@dataclass(frozen=True)
class Workload:
    """A manifest that makes pods."""

    manifest: Manifest

    @property
    def name(self) -> str:
        return name_of(self.manifest)

    def __str__(self) -> str:
        return f"{self.manifest['kind']} {self.name}"

    @property
    def spec(self) -> Manifest:
        found: Manifest = self.manifest["spec"]
        return found

    @property
    def pod(self) -> Manifest:
        """The spec of its pods."""
        found: Manifest = self.spec["template"]["spec"]
        return found

    @property
    def labels(self) -> Mapping[str, str]:
        """The labels of its pods."""
        found: Mapping[str, str] = self.spec["template"]["metadata"].get("labels", {})
        return found

    @property
    def main(self) -> Manifest:
        """The container that does its work."""
        found: Manifest = self.pod["containers"][0]
        return found

    @property
    def containers(self) -> list[Manifest]:
        """All of them, those that run first included."""
        return [*self.pod.get("initContainers", []), *self.pod["containers"]]

    @property
    def ports(self) -> dict[str, int]:
        """Name → number of every port of its pods."""
        ports = [port for container in self.pod["containers"] for port in container.get("ports", [])]
        return {port["name"]: port["containerPort"] for port in ports}


def name_of(manifest: Manifest) -> str:
    found: str = manifest["metadata"]["name"]
    return found


def of_kind(manifests: Manifests, *kinds: str) -> Iterator[Manifest]:
    """Those of these kinds."""
    return (manifest for manifest in manifests if manifest["kind"] in kinds)


def workloads(manifests: Manifests) -> list[Workload]:
    """Everything that makes pods."""
    return [Workload(manifest) for manifest in of_kind(manifests, *WORKLOADS)]


def everybody(manifests: Manifests) -> list[Workload]:
    """All pods there will be: those that CloudNativePG and Strimzi make, too."""
    made = [_made("postgres", 5432, one, _labels_of_cluster(one)) for one in of_kind(manifests, "Cluster")]
    made += [_made("kafka", 9092, one, _labels_of_pool(one)) for one in of_kind(manifests, "KafkaNodePool")]
    return [*workloads(manifests), *made]


def _made(port: str, number: int, resource: Manifest, labels: Mapping[str, str]) -> Workload:
    pod = {"containers": [{"name": port, "ports": [{"name": port, "containerPort": number}]}]}
    spec = {"template": {"metadata": {"labels": labels}, "spec": pod}}
    return Workload({"kind": resource["kind"], "metadata": resource["metadata"], "spec": spec})


def _labels_of_cluster(cluster: Manifest) -> dict[str, str]:
    given = cluster["spec"].get("inheritedMetadata", {}).get("labels", {})
    return {**given, "cnpg.io/cluster": name_of(cluster), "cnpg.io/instanceRole": "primary"}


def _labels_of_pool(pool: Manifest) -> dict[str, str]:
    given = pool["spec"].get("template", {}).get("pod", {}).get("metadata", {}).get("labels", {})
    return {**pool["metadata"].get("labels", {}), **given, "strimzi.io/broker-role": "true"}


def matches(selector: Manifest | None, labels: Mapping[str, str]) -> bool:
    """Whether a label selector means these labels; an empty one means all, none at all means nobody."""
    if selector is None:
        return False
    equal = all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())
    return equal and all(_holds(expression, labels) for expression in selector.get("matchExpressions", []))


def _holds(expression: Manifest, labels: Mapping[str, str]) -> bool:
    has, value = expression["key"] in labels, labels.get(expression["key"])
    return {
        "In": has and value in expression.get("values", []),
        "NotIn": not has or value not in expression.get("values", []),
        "Exists": has,
        "DoesNotExist": not has,
    }[str(expression["operator"])]


def behind(service: Manifest, manifests: Manifests) -> list[Workload]:
    """Whose pods a Service speaks for."""
    selector = service["spec"].get("selector")
    return [one for one in everybody(manifests) if selector and matches({"matchLabels": selector}, one.labels)]


def scaled(manifests: Manifests) -> set[str]:
    """Names of the workloads whose replicas belong to an autoscaler."""
    return {str(one["spec"]["scaleTargetRef"]["name"]) for one in of_kind(manifests, *AUTOSCALERS)}


AUTOSCALERS = ("HorizontalPodAutoscaler", "ScaledObject")


def configuration(name: str, manifests: Manifests) -> Mapping[str, str]:
    """The values of a ConfigMap; none when it is not there."""
    found = [one for one in of_kind(manifests, "ConfigMap") if name_of(one) == name]
    return found[0].get("data") or {} if found else {}


def variables(workload: Workload, manifests: Manifests) -> dict[str, str]:
    """The environment of its main container as far as it stands in manifests; the pod's own fields are empty."""
    given: dict[str, str] = {}
    for source in workload.main.get("envFrom", []):
        given |= configuration(source["configMapRef"]["name"], manifests) if "configMapRef" in source else {}
    return given | {one["name"]: str(one.get("value", "")) for one in workload.main.get("env", [])}


def secret(workload: Workload) -> str:
    """The Secret that its pods have as files; empty when there is none."""
    return next((str(one["secret"]["secretName"]) for one in workload.pod.get("volumes", []) if "secret" in one), "")


def operators_secrets(manifests: Manifests) -> dict[str, set[str]]:
    """Secret → keys of those that CloudNativePG makes for its clusters."""
    clusters = [name_of(one) for one in of_kind(manifests, "Cluster")]
    return {f"{name}-{user}": {"username", "password"} for name in clusters for user in ("superuser", "app")}
