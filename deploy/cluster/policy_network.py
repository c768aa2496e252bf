"""Policies of the network: nobody speaks to anybody but along the edges that the configuration needs."""

from collections.abc import Iterator

from cluster.facts import Facts
from cluster.manifests import (
    Manifest,
    Manifests,
    Workload,
    behind,
    everybody,
    matches,
    name_of,
    of_kind,
    secret,
    workloads,
)
from cluster.policy_references import addresses

Violations = Iterator[str]
Edge = tuple[str, str, int]  # from a workload, to a workload, at a port

DATABASE, DATABASE_PORT = "postgres", 5432
URLS = {"DATABASE_URL", "ADMIN_DATABASE_URL"}
OPEN = {"edge"}  # to everybody


def denied_by_default(manifests: Manifests) -> Violations:
    """One policy means every pod, and lets nothing in."""
    for policy in of_kind(manifests, "NetworkPolicy"):
        spec = policy["spec"]
        both = set(spec.get("policyTypes", [])) == {"Ingress", "Egress"}
        if spec["podSelector"] == {} and both and not spec.get("ingress"):
            return
    yield "no NetworkPolicy denies what is not said"


def edges_agree(manifests: Manifests, facts: Facts) -> Violations:
    """Each edge that the configuration needs is open at both its ends, and no other is."""
    everyone = everybody(manifests)
    needed = needs(manifests, facts)
    for source in everyone:
        for target in everyone:
            for port in sorted(set(target.ports.values())):
                yield from _edge(manifests, source, target, port, needed)


def _edge(manifests: Manifests, source: Workload, target: Workload, port: int, needed: set[Edge]) -> Violations:
    out, into = leaves(manifests, source, target, port), enters(manifests, source, target, port)
    edge = f"{source.name} → {target.name}:{port}"
    if (source.name, target.name, port) in needed:
        if not out:
            yield f"{edge} is needed, and may not leave"
        if not into:
            yield f"{edge} is needed, and may not enter"
    elif out and into and source.name != target.name:
        yield f"{edge} is open, and nobody needs it"


def needs(manifests: Manifests, facts: Facts) -> set[Edge]:
    """Who speaks to whom: by the addresses that a workload is given, by the database's URL in its Secret."""
    given = {one.name: set(addresses(one, manifests)) for one in workloads(manifests)}
    for one in workloads(manifests):
        program = facts.programs.get(one.name)
        keys = facts.secrets.get(secret(one) or (program.image if program else ""), frozenset())
        if program and keys & URLS & (program.required | program.known):
            given[one.name].add((DATABASE, DATABASE_PORT))
    # What the keeper tells of the database is for the connector.
    for source in list(given):
        if "CDC_DATABASE_HOST" in getattr(facts.programs.get(source), "known", ()):
            given.setdefault("connect", set()).add((DATABASE, DATABASE_PORT))
    return {edge for source, pairs in given.items() for pair in pairs for edge in _ends(manifests, source, *pair)}


def _ends(manifests: Manifests, source: str, host: str, port: int) -> Iterator[Edge]:
    """A Service's port is the port of the pods behind."""
    for service in of_kind(manifests, "Service"):
        if name_of(service) != host:
            continue
        for target in behind(service, manifests):
            for one in service["spec"]["ports"]:
                aim = one.get("targetPort", one["port"])
                if one["port"] == port:
                    yield source, target.name, int(target.ports.get(aim, aim) if isinstance(aim, str) else aim)


def leaves(manifests: Manifests, source: Workload, target: Workload, port: int) -> bool:
    """Whether the policies of `source` let it speak to `target`."""
    return _passes(manifests, "Egress", "to", source, target, port)


def enters(manifests: Manifests, source: Workload, target: Workload, port: int) -> bool:
    """Whether the policies of `target` let `source` in."""
    return _passes(manifests, "Ingress", "from", target, source, port)


def _passes(manifests: Manifests, way: str, end: str, own: Workload, other: Workload, port: int) -> bool:
    policies = [
        one["spec"]
        for one in of_kind(manifests, "NetworkPolicy")
        if matches(one["spec"]["podSelector"], own.labels) and way in one["spec"].get("policyTypes", ["Ingress"])
    ]
    rules = [rule for spec in policies for rule in spec.get(way.lower(), [])]
    named = own.ports if way == "Ingress" else other.ports
    return not policies or any(_at(rule, port, named) and _with(rule.get(end), other) for rule in rules)


def _at(rule: Manifest, port: int, named: dict[str, int]) -> bool:
    ports = [one["port"] for one in rule.get("ports", [])]
    return not ports or port in [named.get(one) if isinstance(one, str) else one for one in ports]


def _with(peers: list[Manifest] | None, other: Workload) -> bool:
    """Pods of another namespace are nobody here; no peers at all means everybody."""
    own = [one for one in peers or [] if "podSelector" in one and "namespaceSelector" not in one]
    return not peers or any(matches(one["podSelector"], other.labels) for one in own)


def closed_to_outsiders(manifests: Manifests) -> Violations:
    """Only the edge is open to everybody."""
    for policy in of_kind(manifests, "NetworkPolicy"):
        anybody = [rule for rule in policy["spec"].get("ingress", []) if not rule.get("from")]
        meant = [one for one in everybody(manifests) if anybody and matches(policy["spec"]["podSelector"], one.labels)]
        for one in meant:
            if one.name not in OPEN:
                yield f"NetworkPolicy {name_of(policy)}: opens {one} to everybody"
