"""Policies of every pod: what it may do, what it may use, how one knows that it works, and what it runs."""

import re
from collections.abc import Iterator

from cluster.manifests import Manifest, Manifests, Workload, of_kind, workloads

Violations = Iterator[str]

TAGGED = re.compile(r"^[^:@]+(:\d+/[^:@]+)?(:(?P<tag>[\w.-]+))?(@sha256:[0-9a-f]{64})?$")
UNITS = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30}


def pinned(manifests: Manifests) -> Violations:
    """No image without a tag or digest, and none that moves."""
    for workload, container in _containers(manifests):
        image = container["image"]
        found = TAGGED.match(image)
        if not found or ("@" not in image and found["tag"] in (None, "latest")):
            yield f"{workload}: image {image} is not of one version"


def unprivileged(manifests: Manifests) -> Violations:
    """What Pod Security `restricted` asks, a named user that is not root, and a read-only root besides."""
    for workload in workloads(manifests):
        pod = workload.pod.get("securityContext", {})
        wrong = [
            "runs as root" if not pod.get("runAsNonRoot") or not pod.get("runAsUser") else "",
            "has no seccomp profile" if pod.get("seccompProfile", {}).get("type") != "RuntimeDefault" else "",
            *(
                f"shares {field} with its node"
                for field in ("hostNetwork", "hostPID", "hostIPC")
                if field in workload.pod
            ),
            *(f"mounts the node's {one['hostPath']['path']}" for one in _volumes(workload) if "hostPath" in one),
        ]
        wrong += [fault for container in workload.containers for fault in _privileges(container)]
        yield from (f"{workload}: {fault}" for fault in wrong if fault)


def _privileges(container: Manifest) -> Violations:
    own, name = container.get("securityContext", {}), container["name"]
    if own.get("allowPrivilegeEscalation") is not False or own.get("privileged"):
        yield f"container {name} may get more privileges"
    if own.get("capabilities") != {"drop": ["ALL"]}:
        yield f"container {name} keeps capabilities"
    if own.get("readOnlyRootFilesystem") is not True:
        yield f"container {name} may write to its root"
    if own.get("runAsUser") == 0 or own.get("runAsNonRoot") is False:
        yield f"container {name} runs as root"


def tokenless(manifests: Manifests) -> Violations:
    """A pod has the API server's token only if its account has rights, and no variables from Services."""
    entitled = {
        subject["name"]
        for binding in of_kind(manifests, "RoleBinding", "ClusterRoleBinding")
        for subject in binding.get("subjects", [])
    }
    for workload in workloads(manifests):
        has_token = workload.pod.get("automountServiceAccountToken") is not False
        if has_token and workload.pod.get("serviceAccountName") not in entitled:
            yield f"{workload}: has a token of the API server and no use for it"
        if workload.pod.get("enableServiceLinks") is not False:
            yield f"{workload}: enableServiceLinks is not false"


def bounded(manifests: Manifests) -> Violations:
    """Requests of CPU and memory, a limit of memory that is not below, a size for every emptyDir."""
    for workload, container in _containers(manifests):
        said = container.get("resources", {})
        requests, limits = said.get("requests", {}), said.get("limits", {})
        missing = [f"request of {one}" for one in ("cpu", "memory") if one not in requests]
        missing += ["limit of memory"] if "memory" not in limits else []
        yield from (f"{workload}: container {container['name']} has no {one}" for one in missing)
        if not missing and _bytes(limits["memory"]) < _bytes(requests["memory"]):
            yield f"{workload}: container {container['name']} may have less memory than it asks for"
    for workload in workloads(manifests):
        unbounded = [
            one["name"] for one in _volumes(workload) if "sizeLimit" not in one.get("emptyDir", {"sizeLimit": 0})
        ]
        yield from (f"{workload}: emptyDir {name} has no sizeLimit" for name in unbounded)


def probed(manifests: Manifests) -> Violations:
    """A start that may take its time, then liveness and readiness, which are not the same question everywhere."""
    for workload in workloads(manifests):
        for container in workload.pod["containers"]:
            absent = [one for one in ("startupProbe", "livenessProbe", "readinessProbe") if not container.get(one)]
            yield from (f"{workload}: container {container['name']} has no {probe}" for probe in absent)


def mounted(manifests: Manifests) -> Violations:
    """Each mount has its volume, and each volume its mount; no two on one path."""
    for workload in workloads(manifests):
        claimed = {one["metadata"]["name"] for one in workload.spec.get("volumeClaimTemplates", [])}
        volumes = {one["name"] for one in _volumes(workload)} | claimed
        used = {one["name"] for container in workload.containers for one in container.get("volumeMounts", [])}
        yield from (f"{workload}: mounts {name}, which is no volume" for name in sorted(used - volumes))
        yield from (f"{workload}: volume {name} is mounted nowhere" for name in sorted(volumes - used))


def _containers(manifests: Manifests) -> Iterator[tuple[Workload, Manifest]]:
    return ((workload, container) for workload in workloads(manifests) for container in workload.containers)


def _volumes(workload: Workload) -> list[Manifest]:
    return list(workload.pod.get("volumes", []))


def _bytes(quantity: object) -> float:
    """Of a Kubernetes quantity such as 256Mi."""
    text = str(quantity)
    return float(text.rstrip("KMGi")) * UNITS.get(text.lstrip("0123456789."), 1)
