"""Policies of names: what the manifests say is what the code says."""

from collections.abc import Iterator, Mapping

from cluster.facts import HEALTH_PORT, Facts, Program
from cluster.manifests import (
    Manifest,
    Manifests,
    Workload,
    name_of,
    of_kind,
    operators_secrets,
    secret,
    variables,
    workloads,
)

Violations = Iterator[str]

HTTP_PORT = 8000
PROBES = {"startupProbe": "/live", "livenessProbe": "/live", "readinessProbe": "/ready"}


def complete(manifests: Manifests, facts: Facts) -> Violations:
    """Every process has its Deployment, which runs that image with those arguments."""
    there = {name_of(one): Workload(one) for one in of_kind(manifests, "Deployment")}
    yield from (f"there is no Deployment {name}" for name in sorted(facts.programs.keys() - there.keys()))
    for name, program in facts.programs.items():
        if name not in there:
            continue
        main = there[name].main
        if _short(main) != program.image:
            yield f"{there[name]}: runs image {main['image']}, and is a process of {program.image}"
        if tuple(main.get("args", [])) != program.arguments:
            yield f"{there[name]}: is given {main.get('args', [])}, and is started with {list(program.arguments)}"


def known_images(manifests: Manifests, facts: Facts) -> Violations:
    """Ours, or one that compose names too; another registry in front is the same image."""
    upstream = {image.split(":")[0].rsplit("/", 1)[-1] for image in facts.upstream}
    for workload in workloads(manifests):
        ours = workload.name in facts.programs
        for container in workload.containers:
            if _short(container) not in (facts.images if ours else upstream):
                yield f"{workload}: nobody builds image {container['image']}"


def _short(container: Manifest) -> str:
    """ghcr.io/me/demae/api:1 → api."""
    return str(container["image"]).split("@")[0].rsplit("/", 1)[-1].split(":")[0]


def told_what_it_reads(manifests: Manifests, facts: Facts) -> Violations:
    """Variables in manifests and keys of Secrets are those that the code reads: none missing, unknown, or twice."""
    for workload, program in _ours(manifests, facts):
        given, files = variables(workload, manifests), facts.secrets.get(secret(workload), frozenset())
        yield from (f"{workload}: {name} is not set" for name in sorted(program.required - given.keys() - files))
        unknown = given.keys() - program.known - _expanded(given) - _common(manifests)
        yield from (f"{workload}: {name} is read by nobody" for name in sorted(unknown))
        bare = {name for name, value in given.items() if not value.count("$(")}
        yield from (
            f"{workload}: {name} is a secret, and stands in a manifest" for name in sorted(_all_secrets(facts) & bare)
        )


def _expanded(given: Mapping[str, str]) -> set[str]:
    """Variables that only serve in the value of another."""
    return {name for name in given if any(f"$({name})" in value for value in given.values())}


def _common(manifests: Manifests) -> set[str]:
    """Those for all, of which each reads its own."""
    shared = [one for one in of_kind(manifests, "ConfigMap") if name_of(one).startswith("settings-")]
    return {name for one in shared for name in one.get("data") or {}}


def _all_secrets(facts: Facts) -> set[str]:
    return {name for keys in facts.secrets.values() for name in keys}


def given_its_secret(manifests: Manifests, facts: Facts) -> Violations:
    """A Secret that is mounted is one that is made, and of that service alone; where none is needed none is mounted."""
    for workload in workloads(manifests):
        name, program = secret(workload), facts.programs.get(workload.name)
        own = program.image if program else workload.name
        if name and name not in facts.secrets:
            yield f"{workload}: nobody makes Secret {name}"
        elif name and name != own:
            yield f"{workload}: has the secrets of {name}"
        elif not name and program and program.required & facts.secrets.get(own, frozenset()):
            yield f"{workload}: has not its Secret {own}"
        faults = [*(_mounts(workload) if name else []), *_keys(workload, manifests, facts)]
        yield from (f"{workload}: {fault}" for fault in faults)


def _mounts(workload: Workload) -> Violations:
    volume = next(one["name"] for one in workload.pod["volumes"] if "secret" in one)
    for container in workload.containers:
        paths = [one["mountPath"] for one in container.get("volumeMounts", []) if one["name"] == volume]
        if paths != ["/run/secrets"]:
            yield f"container {container['name']} has its secrets at {paths}, and looks in /run/secrets"


def _keys(workload: Workload, manifests: Manifests, facts: Facts) -> Violations:
    """Keys that are read into a variable."""
    known = {name: set(keys) for name, keys in facts.secrets.items()} | operators_secrets(manifests)
    for container in workload.containers:
        for one in container.get("env", []):
            asked = one.get("valueFrom", {}).get("secretKeyRef")
            if asked and asked["key"] not in known.get(asked["name"], set()):
                yield f"nobody makes {asked['key']} in Secret {asked['name']}"


def ports_agree(manifests: Manifests, facts: Facts) -> Violations:
    """Health is asked where a process answers about it; HTTP comes in where it listens."""
    for workload, program in _ours(manifests, facts):
        given = variables(workload, manifests)
        health = program.service or "HEALTH_PORT" in program.known
        if health:
            yield from _health(workload, int(given.get("HEALTH_PORT", HEALTH_PORT)))
        if program.listens and workload.ports.get("http") != int(given.get("HTTP_PORT", HTTP_PORT)):
            yield f"{workload}: listens on another port than its port http, {workload.ports.get('http')}"


def _health(workload: Workload, port: int) -> Violations:
    if workload.ports.get("health") != port:
        yield f"{workload}: answers about its health on {port}, and its port health is {workload.ports.get('health')}"
    for probe, path in PROBES.items():
        if workload.main.get(probe, {}).get("httpGet") != {"path": path, "port": "health"}:
            yield f"{workload}: {probe} does not ask {path}"


def _ours(manifests: Manifests, facts: Facts) -> Iterator[tuple[Workload, Program]]:
    return ((one, facts.programs[one.name]) for one in workloads(manifests) if one.name in facts.programs)
