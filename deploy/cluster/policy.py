"""Our own policies: each is a function from manifests to what breaks it, a sentence each."""

from collections.abc import Callable, Iterator

from cluster import policy_code, policy_network, policy_pods, policy_references, policy_scaling
from cluster.facts import Facts
from cluster.manifests import Manifests

# What manifests tell by themselves.
ALONE: tuple[Callable[[Manifests], Iterator[str]], ...] = (
    policy_pods.pinned,
    policy_pods.unprivileged,
    policy_pods.tokenless,
    policy_pods.bounded,
    policy_pods.probed,
    policy_pods.mounted,
    policy_references.configured,
    policy_references.selected,
    policy_references.ports_named,
    policy_references.targeted,
    policy_references.housed,
    policy_references.reachable,
    policy_scaling.one_owner,
    policy_scaling.disrupted_gently,
    policy_network.denied_by_default,
    policy_network.closed_to_outsiders,
)
# What is held against the code.
AGAINST_CODE: tuple[Callable[[Manifests, Facts], Iterator[str]], ...] = (
    policy_code.complete,
    policy_code.known_images,
    policy_code.told_what_it_reads,
    policy_code.given_its_secret,
    policy_code.ports_agree,
    policy_scaling.replaced_in_order,
    policy_scaling.drained,
    policy_network.edges_agree,
)


def violations(manifests: Manifests, facts: Facts) -> list[str]:
    """Every sentence of every policy, with the policy's name in front."""
    alone = [(policy.__name__, policy(manifests)) for policy in ALONE]
    against = [(policy.__name__, policy(manifests, facts)) for policy in AGAINST_CODE]
    return [f"{name}: {fault}" for name, faults in [*alone, *against] for fault in faults]
