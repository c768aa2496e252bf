"""`make k8s-images`: builds, brings the images to where a cluster finds them, and writes their names down.

Each build has a tag of its own, made of what it was built from: a node keeps no older image of the same name, and what
did not change is not restarted.
"""

import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cluster import image_names
from cluster.image_names import PREFIX, Named
from containers import images
from containers.engine import Engine
from runtime.errors import Refusal

# Upstream's images, where a checkout has others in their place (make images OFFLINE=1, or a mirror).
UPSTREAM = {"postgres": "POSTGRES", "apache/kafka": "KAFKA", "quay.io/debezium/connect": "CONNECT"}
Say = Callable[[str], None]


class BringError(Refusal):
    """The images do not reach the cluster; the message says what to do."""


@dataclass(frozen=True)
class Kind:
    """A tool that has clusters on this machine: its clusters, and how images are loaded into one."""

    default: str
    clusters: Sequence[str]
    load: Callable[[str, Sequence[str]], list[str]]
    create: str


KINDS: Mapping[str, Kind] = {
    "kind": Kind(
        "kind",
        ("get", "clusters"),
        lambda cluster, names: ["load", "docker-image", *names, "--name", cluster],
        "kind create cluster",
    ),
    "k3d": Kind(
        "k3s-default",
        ("cluster", "list", "--no-headers"),
        lambda cluster, names: ["image", "import", *names, "--cluster", cluster],
        "k3d cluster create",
    ),
    "minikube": Kind(
        "minikube",
        ("profile", "list", "--light", "--output=json"),
        lambda cluster, names: ["image", "load", *names, "--profile", cluster],
        "minikube start",
    ),
}


def to_registry(root: Path, registry: str, offline: bool, say: Say) -> None:
    """Builds and pushes to REGISTRY/NAME. Raises Refusal."""
    prefix = registry.rstrip("/")
    wanted = _build(root, offline, say)
    for image, local in wanted.items():
        target = f"{prefix}/{_short(image)}:{_tag(local)}"
        _docker("tag", local, target)
        say(f"pushing {target}")
        _docker(
            "push",
            "--quiet",
            target,
            advice=f"Is it the right name, and are you logged in? docker login {prefix.split('/')[0]}",
        )
        wanted[image] = target
    _name(root, wanted)
    say("next: kubectl apply -k deploy/k8s")


def to_cluster(root: Path, tool: str, cluster: str, offline: bool, say: Say) -> None:
    """Builds and loads into the nodes of a cluster on this machine. Raises Refusal."""
    if tool not in KINDS:
        raise BringError(f"CLUSTER={tool} is none of {', '.join(KINDS)}; for any other cluster: REGISTRY=…")
    kind = KINDS[tool]
    cluster = cluster or kind.default
    refuse_missing(tool, cluster)
    wanted = _build(root, offline, say)
    for image, local in wanted.items():
        wanted[image] = f"{image}:{_tag(local)}" if image.startswith(f"{PREFIX}/") else local
        _docker("tag", local, wanted[image])
    say(f"loading {len(wanted)} images into {tool}'s cluster {cluster}")
    done = _run([tool, *kind.load(cluster, list(wanted.values()))])
    if done.returncode != 0:
        raise BringError(f"{tool} did not load the images: {_last(done)}")
    _name(root, wanted)
    say("next: kubectl apply -k deploy/k8s/overlays/dev   (one replica of each; deploy/k8s for all)")


def refuse_missing(tool: str, cluster: str) -> None:
    """Raises BringError when there is no such tool or no such cluster."""
    kind = KINDS[tool]
    if shutil.which(tool) is None:
        raise BringError(f"The program {tool} is missing: install it, or name a registry with REGISTRY=…")
    said = _run([tool, *kind.clusters])
    if cluster not in said.stdout.replace('"', " ").split():
        raise BringError(f"{tool} has no cluster {cluster}: {kind.create}, or CLUSTER_NAME=… for another name.")


def _build(root: Path, offline: bool, say: Say) -> dict[str, str]:
    """Image in the manifests → its name on this machine."""
    if offline:
        images.make(root, offline=True, say=say)
    else:
        images.ensure(root, say)
    own = {f"{PREFIX}/{image.name}": images.tag(image.name) for image in image_names.deployed(root)}
    named = images.overrides(root)
    return own | {image: named[f"{key}_IMAGE"] for image, key in UPSTREAM.items() if f"{key}_IMAGE" in named}


def _tag(local: str) -> str:
    """Of its version and of what it was built from; upstream's stays as it is."""
    found = Engine().inspect("image", [local])
    if not found:
        raise BringError(f"There is no image {local} here.")
    labels = found[0]["Config"].get("Labels") or {}
    version, digest = labels.get("org.opencontainers.image.version"), labels.get(images.DIGEST)
    return f"{version}-{digest}" if version and digest else local.rpartition(":")[2]


def _name(root: Path, wanted: Mapping[str, str]) -> None:
    """Writes the names into the manifests."""
    parts = {image: name.rpartition(":") for image, name in wanted.items()}
    named = {image: Named(name if name != image else "", tag) for image, (name, _, tag) in parts.items()}
    image_names.path(root / "deploy" / "k8s").write_text(image_names.written(named))


def _short(image: str) -> str:
    return image.rpartition("/")[2]


def _docker(*words: str, advice: str = "") -> None:
    said = Engine().attempt(*words)
    if said.code != 0:
        raise BringError(f"docker {' '.join(words)}: {said.last} {advice}".rstrip())


def _run(words: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(words, capture_output=True, text=True, check=False)


def _last(done: "subprocess.CompletedProcess[str]") -> str:
    return (done.stderr.strip().splitlines() or ["it does not say why"])[-1]
