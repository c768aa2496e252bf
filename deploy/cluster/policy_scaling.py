"""Policies of more than one replica: who says how many, how they change, what a node's end may take."""

from collections.abc import Iterator

from cluster.facts import BATCH_SECONDS, Facts
from cluster.manifests import Manifests, Workload, matches, name_of, of_kind, scaled, workloads

Violations = Iterator[str]


def one_owner(manifests: Manifests) -> Violations:
    """The number of replicas stands in the manifest or belongs to an autoscaler; it would be reset at each apply."""
    owned = scaled(manifests)
    for workload in workloads(manifests):
        stands = "replicas" in workload.spec
        if stands and workload.name in owned:
            yield f"{workload}: has replicas, and an autoscaler"
        if not stands and workload.name not in owned and workload.manifest["kind"] in ("Deployment", "StatefulSet"):
            yield f"{workload}: nobody says how many replicas"


def disrupted_gently(manifests: Manifests) -> Violations:
    """What is replicated has one budget, which lets a node be emptied, and is spread over nodes."""
    owned, budgets = scaled(manifests), list(of_kind(manifests, "PodDisruptionBudget"))
    for workload in workloads(manifests):
        if workload.spec.get("replicas", 1) < 2 and workload.name not in owned:
            continue
        own = [one for one in budgets if matches(one["spec"].get("selector"), workload.labels)]
        if len(own) != 1:
            yield f"{workload}: {len(own)} disruption budgets"
        elif own[0]["spec"].get("maxUnavailable") in (None, 0, "0%"):
            yield f"{workload}: PodDisruptionBudget {name_of(own[0])} may keep a node from being emptied"
        if not _spread(workload):
            yield f"{workload}: is not spread over nodes"


def _spread(workload: Workload) -> bool:
    constraints = workload.pod.get("topologySpreadConstraints", [])
    return any(
        one["topologyKey"] == "kubernetes.io/hostname" and matches(one.get("labelSelector"), workload.labels)
        for one in constraints
    )


def replaced_in_order(manifests: Manifests, facts: Facts) -> Violations:
    """A reader of the log, and what has a volume of its own, ends before its successor begins; what is asked: after."""
    for workload in workloads(manifests):
        if workload.manifest["kind"] != "Deployment":
            continue
        strategy, program = workload.spec.get("strategy", {}), facts.programs.get(workload.name)
        rolling = strategy.get("rollingUpdate", {})
        gentle = strategy.get("type") == "Recreate" or rolling.get("maxSurge") == 0
        holds = any("persistentVolumeClaim" in volume for volume in workload.pod.get("volumes", []))
        asked = program is not None and program.listens and not holds
        if not asked and not gentle:
            yield f"{workload}: a successor begins before it has ended (maxSurge)"
        if asked and (rolling.get("maxUnavailable") != 0 or _pause(workload) == 0):
            yield f"{workload}: is asked while it ends (maxUnavailable, preStop)"


def drained(manifests: Manifests, facts: Facts) -> Violations:
    """The time to end is longer than what is waited for at the end."""
    for workload in workloads(manifests):
        program = facts.programs.get(workload.name)
        needed = _pause(workload) + (program.drains if program else BATCH_SECONDS)
        if workload.pod.get("terminationGracePeriodSeconds", 30) <= needed:
            yield f"{workload}: is killed before it has ended; it may need {needed} s"


def _pause(workload: Workload) -> int:
    """Seconds that it goes on answering, when its end was decided."""
    command = workload.main.get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command", ["", "0"])
    return int(command[1])
