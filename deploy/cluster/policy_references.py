"""Policies of references: what a manifest names is there, and holds what is asked of it."""

import re
from collections.abc import Iterator

from cluster.manifests import (
    AUTOSCALERS,
    Manifest,
    Manifests,
    Workload,
    behind,
    everybody,
    matches,
    name_of,
    of_kind,
    variables,
    workloads,
)

Violations = Iterator[str]

ADDRESS = re.compile(r"(?:^|//|@|,)(?P<host>[A-Za-z$()][\w.$()-]*):(?P<port>\d+)")
CLUSTER_WIDE = ("Namespace", "ClusterRole", "ClusterRoleBinding", "GatewayClass", "StorageClass", "PriorityClass")


def configured(manifests: Manifests) -> Violations:
    """ConfigMaps, claims and accounts that pods name exist; no secret stands in a manifest."""
    there = {(one["kind"], name_of(one)) for one in manifests}
    for workload in workloads(manifests):
        for kind, name in _named(workload):
            if (kind, name) not in there:
                yield f"{workload}: there is no {kind} {name}"
    for binding in of_kind(manifests, "RoleBinding"):
        wanted = [binding["roleRef"], *binding["subjects"]]
        missing = [one for one in wanted if (one["kind"], one["name"]) not in there]
        yield from (f"RoleBinding {name_of(binding)}: there is no {one['kind']} {one['name']}" for one in missing)
    yield from (f"Secret {name_of(one)} stands in a manifest" for one in of_kind(manifests, "Secret"))


def _named(workload: Workload) -> Iterator[tuple[str, str]]:
    for container in workload.containers:
        sources = [one["configMapRef"] for one in container.get("envFrom", []) if "configMapRef" in one]
        sources += [
            one["valueFrom"]["configMapKeyRef"]
            for one in container.get("env", [])
            if "configMapKeyRef" in one.get("valueFrom", {})
        ]
        yield from (("ConfigMap", one["name"]) for one in sources if not one.get("optional"))
    for volume in workload.pod.get("volumes", []):
        if "configMap" in volume:
            yield "ConfigMap", volume["configMap"]["name"]
        if "persistentVolumeClaim" in volume:
            yield "PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]
    if "serviceAccountName" in workload.pod:
        yield "ServiceAccount", workload.pod["serviceAccountName"]


def selected(manifests: Manifests) -> Violations:
    """Every selector means somebody: a workload's its own pods, a Service's, budget's or policy's at least one."""
    for workload in workloads(manifests):
        if not matches(workload.spec.get("selector"), workload.labels):
            yield f"{workload}: its selector does not mean its own pods"
    for service in of_kind(manifests, "Service"):
        selector = service["spec"].get("selector")
        if selector and not behind(service, manifests):
            yield f"Service {name_of(service)}: speaks for no pod"
    for kind, field in (("PodDisruptionBudget", "selector"), ("NetworkPolicy", "podSelector")):
        for one in of_kind(manifests, kind):
            if not any(matches(one["spec"][field], pods.labels) for pods in everybody(manifests)):
                yield f"{kind} {name_of(one)}: means no pod"


def ports_named(manifests: Manifests) -> Violations:
    """A port that a Service or a probe names is a port of the pods behind."""
    for service in of_kind(manifests, "Service"):
        for workload in behind(service, manifests):
            for port in service["spec"].get("ports", []):
                target = port.get("targetPort", port["port"])
                if target not in workload.ports and target not in workload.ports.values():
                    yield f"Service {name_of(service)}: {workload} has no port {target}"
    for workload in workloads(manifests):
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            asked = workload.main.get(probe, {})
            port = (asked.get("httpGet") or asked.get("tcpSocket") or {}).get("port")
            if port is not None and port not in workload.ports and port not in workload.ports.values():
                yield f"{workload}: {probe} asks port {port}, which it does not have"


def targeted(manifests: Manifests) -> Violations:
    """What is scaled exists; a StatefulSet's Service too."""
    there = {(one["kind"], name_of(one)) for one in manifests}
    for scaler in of_kind(manifests, *AUTOSCALERS):
        target = scaler["spec"]["scaleTargetRef"]
        if (target.get("kind", "Deployment"), target["name"]) not in there:
            yield f"{scaler['kind']} {name_of(scaler)}: there is no {target.get('kind', 'Deployment')} {target['name']}"
    for one in of_kind(manifests, "StatefulSet"):
        if ("Service", one["spec"]["serviceName"]) not in there:
            yield f"StatefulSet {name_of(one)}: there is no Service {one['spec']['serviceName']}"


def housed(manifests: Manifests) -> Violations:
    """All in the one namespace, which guards itself."""
    spaces = list(of_kind(manifests, "Namespace"))
    if len(spaces) != 1:
        yield f"there are {len(spaces)} namespaces"
        return
    if spaces[0]["metadata"].get("labels", {}).get("pod-security.kubernetes.io/enforce") != "restricted":
        yield f"Namespace {name_of(spaces[0])}: does not enforce restricted"
    for one in manifests:
        if one["kind"] not in CLUSTER_WIDE and one["metadata"].get("namespace") != name_of(spaces[0]):
            yield f"{one['kind']} {name_of(one)}: is not in namespace {name_of(spaces[0])}"


def reachable(manifests: Manifests) -> Violations:
    """Every address in the configuration is a Service with that port."""
    for workload in workloads(manifests):
        for host, port in addresses(workload, manifests):
            service = _service(host, manifests)
            if service is None:
                yield f"{workload}: there is no Service {host}"
            elif service["spec"].get("ports") and port not in [one["port"] for one in service["spec"]["ports"]]:
                yield f"{workload}: Service {host} has no port {port}"


def addresses(workload: Workload, manifests: Manifests) -> list[tuple[str, int]]:
    """(Service, port) of every address that a workload is given; addresses outside of the cluster are left out."""
    found = [match for value in variables(workload, manifests).values() for match in ADDRESS.finditer(value)]
    pairs = {(match["host"], int(match["port"])) for match in found}
    pairs |= _split_address(workload, manifests)
    return sorted((_short(host), port) for host, port in pairs if _inside(host))


def _split_address(workload: Workload, manifests: Manifests) -> set[tuple[str, int]]:
    """X_HOST and X_PORT (that of Postgres, when it is not said) are an address too."""
    given = variables(workload, manifests)
    hosts = {name: value for name, value in given.items() if name.endswith("_DATABASE_HOST")}
    return {(host, int(given.get(name.removesuffix("HOST") + "PORT", 5432))) for name, host in hosts.items()}


def _inside(host: str) -> bool:
    """A bare name, one of this namespace, or a pod of a StatefulSet in it; `localhost` is the pod itself."""
    return host != "localhost" and not host.replace(".", "").isdigit() and ("." not in host or ".svc" in host)


def _short(host: str) -> str:
    """The Service of postgres, postgres.demae.svc or $(POD).kafka.$(NAMESPACE).svc."""
    parts = host.split(".svc", maxsplit=1)[0].split(".")
    return parts[-2] if len(parts) > 1 else parts[0]


def _service(name: str, manifests: Manifests) -> Manifest | None:
    made = [*of_kind(manifests, "Service"), *by_operators(manifests)]
    return next((one for one in made if name_of(one) == name), None)


def by_operators(manifests: Manifests) -> Iterator[Manifest]:
    """The Services that operators make for their resources; their ports are not said."""
    makes = {
        "Cluster": ("-rw", "-ro", "-r"),
        "Kafka": ("-kafka-bootstrap", "-kafka-brokers"),
        "KafkaConnect": ("-connect-api",),
    }
    for one in of_kind(manifests, *makes):
        for suffix in makes[one["kind"]]:
            yield {"kind": "Service", "metadata": {"name": name_of(one) + suffix}, "spec": {}}
