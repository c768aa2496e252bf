"""`python -m cluster check|release|images|secrets`: the targets k8s-* of the Makefile."""

import argparse
import sys

from cluster import check, images, release, secrets
from runtime.errors import Refusal
from runtime.layout import ROOT


def main() -> int:
    """-> 0 when all went well; what a person can mend is one sentence on standard error."""
    try:
        return _run(_arguments())
    except Refusal as refused:
        print(refused, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="cluster", description="Manifests, images and secrets of a cluster.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("check", help="render and check every kustomization")
    commands.add_parser("release", help="render deploy/release/kubernetes-manifests.yaml")
    commands.add_parser("secrets", help="make the Secrets that are missing, in kubectl's current context")
    bring = commands.add_parser("images", help="build, and bring to a registry or into a cluster on this machine")
    bring.add_argument("--registry", default="", help="such as ghcr.io/me/demae")
    bring.add_argument("--cluster", default="", help="kind, k3d or minikube")
    bring.add_argument("--cluster-name", default="", help="where it is not the tool's default")
    bring.add_argument("--offline", action="store_true", help="with stand-ins for upstream's images")
    return parser.parse_args()


def _run(arguments: argparse.Namespace) -> int:
    if arguments.command == "check":
        return 0 if check.check(ROOT) else 1
    if arguments.command == "release":
        print(f"wrote {release.write(ROOT).relative_to(ROOT)}")
    elif arguments.command == "secrets":
        secrets.make(ROOT, print)
    elif bool(arguments.registry) == bool(arguments.cluster):
        raise images.BringError("Say where the images go: REGISTRY=ghcr.io/me/demae, or CLUSTER=kind, k3d or minikube.")
    elif arguments.registry:
        images.to_registry(ROOT, arguments.registry, arguments.offline, print)
    else:
        images.to_cluster(ROOT, arguments.cluster, arguments.cluster_name, arguments.offline, print)
    return 0


if __name__ == "__main__":
    sys.exit(main())
